-- A database in the shape of OpenEMR's: tables and columns of its names, written
-- for the tests, with the habits that a tap must live with. Tables without a
-- primary key, UUIDs in BINARY(16), zero dates, MyISAM, latin1 beside utf8mb4.
SET SESSION sql_mode = '';
CREATE TABLE patient_data (id BIGINT NOT NULL AUTO_INCREMENT, uuid BINARY(16), title VARCHAR(255) NOT NULL DEFAULT '',
  fname VARCHAR(255) NOT NULL DEFAULT '', mname VARCHAR(255) NOT NULL DEFAULT '', lname VARCHAR(255) NOT NULL DEFAULT '',
  DOB DATE, street VARCHAR(255) NOT NULL DEFAULT '', ss VARCHAR(255) NOT NULL DEFAULT '', drivers_license VARCHAR(255) NOT NULL DEFAULT '',
  phone_home VARCHAR(255) NOT NULL DEFAULT '', date DATETIME, sex VARCHAR(255) NOT NULL DEFAULT '', email VARCHAR(255) NOT NULL DEFAULT '',
  pubpid VARCHAR(255) NOT NULL DEFAULT '', pid BIGINT NOT NULL DEFAULT 0, deceased_date DATETIME DEFAULT '0000-00-00 00:00:00',
  UNIQUE KEY pid (pid), UNIQUE KEY uuid (uuid), KEY id (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE history_data (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, uuid BINARY(16), tobacco LONGTEXT, alcohol LONGTEXT,
  date DATETIME, pid BIGINT NOT NULL DEFAULT 0, KEY pid (pid)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE insurance_data (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, type ENUM('primary','secondary','tertiary'), policy_number VARCHAR(255),
  pid BIGINT NOT NULL DEFAULT 0, date DATE, accept_assignment VARCHAR(5) NOT NULL DEFAULT 'TRUE') ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE form_encounter (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, uuid BINARY(16), date DATETIME, reason LONGTEXT, facility_id INT NOT NULL DEFAULT 0,
  pid BIGINT, encounter BIGINT, onset_date DATETIME, sensitivity VARCHAR(30), provider_id INT DEFAULT 0, KEY pid_encounter (pid, encounter)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE forms (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, date DATETIME, encounter BIGINT, form_name LONGTEXT, form_id BIGINT, pid BIGINT,
  user VARCHAR(255), authorized TINYINT, deleted TINYINT NOT NULL DEFAULT 0, formdir LONGTEXT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE form_vitals (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, uuid BINARY(16), date DATETIME DEFAULT '0000-00-00 00:00:00', pid BIGINT DEFAULT 0,
  activity TINYINT DEFAULT 0, bps VARCHAR(40), bpd VARCHAR(40), weight DECIMAL(12,6) DEFAULT 0, height DECIMAL(12,6) DEFAULT 0, temperature DECIMAL(12,6) DEFAULT 0,
  BMI DECIMAL(12,6) DEFAULT 0, oxygen_saturation FLOAT(5,2) DEFAULT 0.00, note VARCHAR(255)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE form_soap (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, date DATETIME, pid BIGINT DEFAULT 0, user VARCHAR(255), activity TINYINT DEFAULT 0,
  subjective TEXT, objective TEXT, assessment TEXT, plan TEXT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE form_ros (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, pid INT NOT NULL, activity INT NOT NULL DEFAULT 1, date DATETIME, weight_change VARCHAR(3) DEFAULT 'N/A',
  weakness VARCHAR(3) DEFAULT 'N/A', fatigue VARCHAR(3) DEFAULT 'N/A') ENGINE=MyISAM DEFAULT CHARSET=latin1;
CREATE TABLE form_clinical_notes (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, form_id BIGINT NOT NULL, uuid BINARY(16), date DATE, pid BIGINT, encounter VARCHAR(255),
  description LONGTEXT, activity TINYINT DEFAULT 1) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE form_observation (id BIGINT NOT NULL, date DATE, pid BIGINT, encounter VARCHAR(255), code VARCHAR(255), observation VARCHAR(255),
  ob_value VARCHAR(255), ob_unit VARCHAR(255)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE form_care_plan (id BIGINT NOT NULL, date DATE, pid BIGINT, encounter VARCHAR(255), code VARCHAR(255), description TEXT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE prescriptions (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, uuid BINARY(16), patient_id BIGINT, date_added DATETIME, provider_id INT, encounter INT,
  start_date DATE, drug VARCHAR(150), rxnorm_drugcode INT, dosage VARCHAR(100), quantity VARCHAR(31), refills INT, note TEXT, active INT NOT NULL DEFAULT 1) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE lists (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, uuid BINARY(16), date DATETIME, type VARCHAR(255), title VARCHAR(255), begdate DATETIME, enddate DATETIME,
  diagnosis VARCHAR(255), pid BIGINT, comments LONGTEXT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE lists_medication (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, list_id BIGINT, drug_dosage_instructions LONGTEXT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE immunizations (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, uuid BINARY(16), patient_id BIGINT, administered_date DATETIME, cvx_code VARCHAR(64),
  lot_number VARCHAR(50), vis_date DATE, update_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE procedure_order (procedure_order_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, uuid BINARY(16), patient_id BIGINT NOT NULL, encounter_id BIGINT NOT NULL DEFAULT 0,
  date_ordered DATETIME, order_status VARCHAR(31) NOT NULL DEFAULT '') ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE procedure_order_code (procedure_order_id BIGINT NOT NULL, procedure_order_seq INT NOT NULL DEFAULT 1, procedure_code VARCHAR(64) NOT NULL DEFAULT '',
  procedure_name VARCHAR(255) NOT NULL DEFAULT '', PRIMARY KEY (procedure_order_id, procedure_order_seq)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE procedure_report (procedure_report_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, uuid BINARY(16), procedure_order_id BIGINT, date_collected DATETIME,
  date_report DATETIME, review_status VARCHAR(31) NOT NULL DEFAULT 'received') ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE procedure_result (procedure_result_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, uuid BINARY(16), procedure_report_id BIGINT NOT NULL, result_code VARCHAR(31) NOT NULL DEFAULT '',
  result_text VARCHAR(255) NOT NULL DEFAULT '', date DATETIME, units VARCHAR(31) NOT NULL DEFAULT '', result VARCHAR(255) NOT NULL DEFAULT '', `range` VARCHAR(255) NOT NULL DEFAULT '',
  abnormal VARCHAR(31) NOT NULL DEFAULT '', result_status VARCHAR(31) NOT NULL DEFAULT '') ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE pnotes (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, date DATETIME, body LONGTEXT, pid BIGINT, user VARCHAR(255), title VARCHAR(255)) ENGINE=InnoDB DEFAULT CHARSET=latin1;
CREATE TABLE documents (id INT NOT NULL DEFAULT 0 PRIMARY KEY, uuid BINARY(16), type ENUM('file_url','blob','web_url'), size INT, date DATETIME, url VARCHAR(255),
  hash VARCHAR(255), foreign_id BIGINT, deleted TINYINT NOT NULL DEFAULT 0) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE amendments (amendment_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, amendment_date DATE NOT NULL, pid BIGINT NOT NULL, amendment_desc TEXT, created_time TIMESTAMP NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE amendments_history (amendment_id INT NOT NULL, amendment_note TEXT, amendment_status VARCHAR(30), created_time TIMESTAMP NULL, KEY (amendment_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE log (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, date DATETIME, event VARCHAR(255), category VARCHAR(255), user VARCHAR(255), comments LONGTEXT,
  patient_id BIGINT, success TINYINT DEFAULT 1) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE audit_master (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, pid BIGINT NOT NULL, user_id BIGINT NOT NULL, approval_status TINYINT NOT NULL, created_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE audit_details (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, table_name VARCHAR(100) NOT NULL, field_name VARCHAR(100) NOT NULL, field_value LONGTEXT, audit_master_id BIGINT NOT NULL) ENGINE=MyISAM DEFAULT CHARSET=utf8mb4;
CREATE TABLE codes (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, code_text TEXT, code VARCHAR(25) NOT NULL DEFAULT '', active TINYINT DEFAULT 1) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE procedure_type (procedure_type_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(63) NOT NULL DEFAULT '', procedure_code VARCHAR(64) NOT NULL DEFAULT '') ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE users (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, username VARCHAR(255), password LONGTEXT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO patient_data (uuid, fname, lname, DOB, street, ss, phone_home, date, sex, pubpid, pid)
  SELECT UNHEX(MD5(seq)), ELT(1 + seq % 5, 'Ana', 'Bjørn', 'Chloé', 'Dilnoza', 'Ewa'), ELT(1 + seq % 4, 'Silva', 'Åberg', 'Núñez', 'Kowalska'),
    IF(seq % 50 = 0, '0000-00-00', '1950-01-01' + INTERVAL seq * 37 DAY), CONCAT(seq, ' Mill Lane'), LPAD(seq, 9, '0'), CONCAT('555-', seq), NOW(),
    IF(seq % 2, 'Female', 'Male'), CONCAT('MRN', seq), seq FROM seq_1_to_400;
INSERT INTO history_data (uuid, tobacco, date, pid) SELECT UNHEX(MD5(seq)), 'never', NOW(), seq FROM seq_1_to_400;
INSERT INTO insurance_data (type, policy_number, pid, date) SELECT 1 + seq % 3, CONCAT('P', seq), 1 + seq % 400, IF(seq % 9, CURDATE(), '0000-00-00') FROM seq_1_to_500;
INSERT INTO form_encounter (uuid, date, reason, pid, encounter, onset_date) SELECT UNHEX(MD5(seq)), NOW() - INTERVAL seq HOUR, 'Check', 1 + seq % 400, seq, '0000-00-00 00:00:00' FROM seq_1_to_2000;
INSERT INTO forms (date, encounter, form_name, form_id, pid, formdir) SELECT NOW() - INTERVAL seq HOUR, seq, 'Vitals', seq, 1 + seq % 400, 'vitals' FROM seq_1_to_2000;
INSERT INTO form_vitals (uuid, date, pid, activity, bps, bpd, weight, oxygen_saturation) SELECT UNHEX(MD5(seq)), IF(seq % 40, NOW() - INTERVAL seq HOUR, '0000-00-00 00:00:00'), 1 + seq % 400, 1, 120 + seq % 30, 80, 60 + seq / 7, 90 + seq % 10 FROM seq_1_to_2000;
INSERT INTO form_soap (date, pid, activity, subjective, plan) SELECT NOW() - INTERVAL seq HOUR, 1 + seq % 400, 1, 'Föhlt sich müde', 'Rest' FROM seq_1_to_500;
INSERT INTO form_ros (pid, date, fatigue) SELECT 1 + seq % 400, NOW() - INTERVAL seq HOUR, 'YES' FROM seq_1_to_500;
INSERT INTO form_clinical_notes (form_id, uuid, date, pid, description) SELECT seq, UNHEX(MD5(seq)), CURDATE(), 1 + seq % 400, REPEAT('note ', 20) FROM seq_1_to_500;
INSERT INTO form_observation SELECT 1 + seq DIV 2, CURDATE(), 1 + seq % 400, seq, 'C1', 'pain', seq % 10, 'score' FROM seq_1_to_100;
INSERT INTO form_care_plan SELECT 1 + seq DIV 2, CURDATE(), 1 + seq % 400, seq, 'C2', 'Walk' FROM seq_1_to_100;
INSERT INTO prescriptions (uuid, patient_id, date_added, start_date, drug, dosage, quantity, refills) SELECT UNHEX(MD5(seq)), 1 + seq % 400, NOW(), CURDATE(), 'Metformin', '500 mg', '60', 2 FROM seq_1_to_1000;
INSERT INTO lists (uuid, date, type, title, begdate, pid) SELECT UNHEX(MD5(seq)), NOW(), ELT(1 + seq % 3, 'medical_problem', 'allergy', 'medication'), 'Title', '1999-01-01', 1 + seq % 400 FROM seq_1_to_1000;
INSERT INTO lists_medication (list_id, drug_dosage_instructions) SELECT seq, 'twice daily' FROM seq_1_to_300;
INSERT INTO immunizations (uuid, patient_id, administered_date, cvx_code) SELECT UNHEX(MD5(seq)), 1 + seq % 400, NOW(), '207' FROM seq_1_to_300;
INSERT INTO procedure_order (uuid, patient_id, date_ordered, order_status) SELECT UNHEX(MD5(seq)), 1 + seq % 400, NOW() - INTERVAL seq HOUR, 'complete' FROM seq_1_to_500;
INSERT INTO procedure_order_code SELECT seq, 1, 'GLU', 'Glucose' FROM seq_1_to_500;
INSERT INTO procedure_report (uuid, procedure_order_id, date_report, review_status) SELECT UNHEX(MD5(seq)), seq, NOW() - INTERVAL seq HOUR, IF(seq % 2, 'reviewed', 'received') FROM seq_1_to_500;
INSERT INTO procedure_result (uuid, procedure_report_id, result_code, date, units, result, `range`, result_status) SELECT UNHEX(MD5(seq)), 1 + seq % 500, 'GLU', NOW(), 'mg/dL', 80 + seq % 60, '70-99', IF(seq % 2, 'final', 'prelim') FROM seq_1_to_1000;
INSERT INTO pnotes (date, body, pid, title) SELECT NOW(), CONVERT('Café à 9 h' USING latin1), 1 + seq % 400, 'Note' FROM seq_1_to_200;
INSERT INTO documents (id, uuid, type, size, date, url, hash, foreign_id) SELECT seq, UNHEX(MD5(seq)), 'file_url', seq * 100, NOW(), CONCAT('file:///', seq), SHA1(seq), 1 + seq % 400 FROM seq_1_to_200;
INSERT INTO amendments (amendment_date, pid, amendment_desc, created_time) SELECT CURDATE(), 1 + seq % 400, 'Correct the address', NOW() FROM seq_1_to_50;
INSERT INTO amendments_history SELECT seq, 'seen', 'approved', NOW() FROM seq_1_to_50;
INSERT INTO log (date, event, category, user, comments, patient_id) SELECT NOW(), 'view', 'Patient', 'doctor', TO_BASE64('select'), 1 + seq % 400 FROM seq_1_to_3000;
INSERT INTO audit_master (pid, user_id, approval_status) SELECT 1 + seq % 400, 1, 1 FROM seq_1_to_50;
INSERT INTO audit_details (table_name, field_name, field_value, audit_master_id) SELECT 'patient_data', 'street', 'x', seq FROM seq_1_to_50;
INSERT INTO codes (code_text, code) SELECT CONCAT('Code ', seq), seq FROM seq_1_to_300;
INSERT INTO procedure_type (name, procedure_code) VALUES ('Glucose', 'GLU');
INSERT INTO users (username, password) VALUES ('doctor', 'hash');
