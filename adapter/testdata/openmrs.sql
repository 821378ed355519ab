-- A database in the shape of OpenMRS's: tables and columns of its names, written
-- for the tests, with foreign keys that cascade, rows that are voided instead of
-- deleted, and UUIDs as text.
CREATE TABLE person (person_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, gender VARCHAR(50) DEFAULT '', birthdate DATE, dead TINYINT(1) NOT NULL DEFAULT 0, death_date DATETIME,
  creator INT, date_created DATETIME NOT NULL, voided TINYINT(1) NOT NULL DEFAULT 0, uuid CHAR(38) NOT NULL UNIQUE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE person_name (person_name_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, preferred TINYINT(1) NOT NULL DEFAULT 0, person_id INT NOT NULL, given_name VARCHAR(50), middle_name VARCHAR(50),
  family_name VARCHAR(50), voided TINYINT(1) NOT NULL DEFAULT 0, uuid CHAR(38) NOT NULL UNIQUE,
  CONSTRAINT name_for_person FOREIGN KEY (person_id) REFERENCES person (person_id) ON UPDATE CASCADE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE person_address (person_address_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, person_id INT, address1 VARCHAR(255), city_village VARCHAR(255), latitude VARCHAR(50),
  CONSTRAINT address_for_person FOREIGN KEY (person_id) REFERENCES person (person_id) ON UPDATE CASCADE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE person_attribute (person_attribute_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, person_id INT NOT NULL DEFAULT 0, value VARCHAR(50) NOT NULL DEFAULT '', person_attribute_type_id INT NOT NULL,
  CONSTRAINT identifies_person FOREIGN KEY (person_id) REFERENCES person (person_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE patient (patient_id INT NOT NULL PRIMARY KEY, date_created DATETIME NOT NULL, voided TINYINT(1) NOT NULL DEFAULT 0, allergy_status VARCHAR(50) NOT NULL DEFAULT 'Unknown',
  CONSTRAINT person_id_for_patient FOREIGN KEY (patient_id) REFERENCES person (person_id) ON UPDATE CASCADE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE patient_identifier (patient_identifier_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, patient_id INT NOT NULL DEFAULT 0, identifier VARCHAR(50) NOT NULL DEFAULT '', identifier_type INT NOT NULL DEFAULT 0,
  voided TINYINT(1) NOT NULL DEFAULT 0, CONSTRAINT fk_patient_id_patient_identifier FOREIGN KEY (patient_id) REFERENCES patient (patient_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE visit (visit_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, patient_id INT NOT NULL, date_started DATETIME NOT NULL, date_stopped DATETIME, voided TINYINT(1) NOT NULL DEFAULT 0,
  CONSTRAINT visit_patient_fk FOREIGN KEY (patient_id) REFERENCES patient (patient_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE visit_attribute (visit_attribute_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, visit_id INT NOT NULL, value_reference TEXT NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE encounter (encounter_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, encounter_type INT NOT NULL, patient_id INT NOT NULL DEFAULT 0, encounter_datetime DATETIME NOT NULL, visit_id INT,
  voided TINYINT(1) NOT NULL DEFAULT 0, uuid CHAR(38) NOT NULL UNIQUE,
  CONSTRAINT encounter_patient FOREIGN KEY (patient_id) REFERENCES patient (patient_id) ON UPDATE CASCADE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE encounter_provider (encounter_provider_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, encounter_id INT NOT NULL, provider_id INT NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE encounter_diagnosis (diagnosis_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, diagnosis_non_coded VARCHAR(255), encounter_id INT NOT NULL, patient_id INT NOT NULL, certainty VARCHAR(255) NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE obs (obs_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, person_id INT NOT NULL, concept_id INT NOT NULL DEFAULT 0, encounter_id INT, obs_datetime DATETIME NOT NULL, obs_group_id INT,
  value_coded INT, value_datetime DATETIME, value_numeric DOUBLE, value_text TEXT, comments VARCHAR(255), date_voided DATETIME, void_reason VARCHAR(255), voided_by INT, voided TINYINT(1) NOT NULL DEFAULT 0,
  status VARCHAR(16) NOT NULL DEFAULT 'FINAL', uuid CHAR(38) NOT NULL UNIQUE,
  CONSTRAINT person_obs FOREIGN KEY (person_id) REFERENCES person (person_id) ON UPDATE CASCADE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE orders (order_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, order_type_id INT NOT NULL DEFAULT 0, concept_id INT NOT NULL DEFAULT 0, encounter_id INT NOT NULL, date_activated DATETIME, patient_id INT NOT NULL,
  urgency VARCHAR(50) NOT NULL DEFAULT 'ROUTINE', voided TINYINT(1) NOT NULL DEFAULT 0,
  CONSTRAINT order_for_patient FOREIGN KEY (patient_id) REFERENCES patient (patient_id) ON UPDATE CASCADE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE drug_order (order_id INT NOT NULL PRIMARY KEY, drug_inventory_id INT, dose DOUBLE, as_needed TINYINT(1) DEFAULT 0, dosing_instructions TEXT,
  CONSTRAINT extends_order FOREIGN KEY (order_id) REFERENCES orders (order_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE test_order (order_id INT NOT NULL PRIMARY KEY, specimen_source INT, laterality VARCHAR(20)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE allergy (allergy_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, patient_id INT NOT NULL, coded_allergen INT NOT NULL, comments VARCHAR(1024)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE allergy_reaction (allergy_reaction_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, allergy_id INT NOT NULL, reaction_concept_id INT NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE conditions (condition_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, condition_coded INT, clinical_status VARCHAR(50) NOT NULL, onset_date DATETIME, patient_id INT NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE patient_program (patient_program_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, patient_id INT NOT NULL, program_id INT NOT NULL, date_enrolled DATETIME) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE patient_state (patient_state_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, patient_program_id INT NOT NULL, state INT NOT NULL, start_date DATE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE concept_name (concept_name_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, concept_id INT, name VARCHAR(255) NOT NULL, locale VARCHAR(50) NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE drug (drug_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, concept_id INT NOT NULL, name VARCHAR(255), strength VARCHAR(255)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE users (user_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, username VARCHAR(50), password VARCHAR(128)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

INSERT INTO person (person_id, gender, birthdate, date_created, uuid) SELECT seq, IF(seq % 2, 'F', 'M'), '1960-01-01' + INTERVAL seq * 31 DAY, NOW(), UUID() FROM seq_1_to_400;
INSERT INTO person_name (person_id, given_name, family_name, uuid) SELECT seq, ELT(1 + seq % 3, 'Amina', 'José', 'Nguyễn'), 'Okafor', UUID() FROM seq_1_to_400;
INSERT INTO person_address (person_id, address1, city_village) SELECT seq, CONCAT(seq, ' Station Road'), 'Kisumu' FROM seq_1_to_400;
INSERT INTO person_attribute (person_id, value, person_attribute_type_id) SELECT seq, CONCAT('+254', seq), 8 FROM seq_1_to_400;
INSERT INTO patient (patient_id, date_created) SELECT seq, NOW() FROM seq_1_to_380;
INSERT INTO patient_identifier (patient_id, identifier, identifier_type) SELECT seq, CONCAT('ID', seq), 3 FROM seq_1_to_380;
INSERT INTO visit (patient_id, date_started) SELECT 1 + seq % 380, NOW() - INTERVAL seq HOUR FROM seq_1_to_500;
INSERT INTO visit_attribute (visit_id, value_reference) SELECT seq, 'walk-in' FROM seq_1_to_500;
INSERT INTO encounter (encounter_type, patient_id, encounter_datetime, visit_id, uuid) SELECT 1, 1 + seq % 380, NOW() - INTERVAL seq HOUR, seq, UUID() FROM seq_1_to_500;
INSERT INTO encounter_provider (encounter_id, provider_id) SELECT seq, 2 FROM seq_1_to_500;
INSERT INTO encounter_diagnosis (diagnosis_non_coded, encounter_id, patient_id, certainty) SELECT 'Malaria', seq, 1 + seq % 380, 'CONFIRMED' FROM seq_1_to_200;
INSERT INTO obs (person_id, concept_id, encounter_id, obs_datetime, value_numeric, value_text, status, uuid) SELECT 1 + seq % 380, 5089, 1 + seq % 500, NOW() - INTERVAL seq MINUTE, 40 + seq / 3, IF(seq % 7, NULL, 'Tired'), IF(seq % 10, 'FINAL', 'PRELIMINARY'), UUID() FROM seq_1_to_4000;
INSERT INTO orders (encounter_id, date_activated, patient_id) SELECT 1 + seq % 500, NOW() - INTERVAL seq HOUR, 1 + seq % 380 FROM seq_1_to_600;
INSERT INTO drug_order (order_id, drug_inventory_id, dose, dosing_instructions) SELECT seq, 1 + seq % 20, seq / 3, 'with food' FROM seq_1_to_400;
INSERT INTO test_order (order_id, specimen_source) SELECT seq, 1 FROM seq_401_to_600;
INSERT INTO allergy (patient_id, coded_allergen) SELECT seq, 71617 FROM seq_1_to_100;
INSERT INTO allergy_reaction (allergy_id, reaction_concept_id) SELECT seq, 121629 FROM seq_1_to_100;
INSERT INTO conditions (condition_coded, clinical_status, onset_date, patient_id) SELECT 117399, 'ACTIVE', '2001-02-03', seq FROM seq_1_to_100;
INSERT INTO patient_program (patient_id, program_id, date_enrolled) SELECT seq, 1, NOW() FROM seq_1_to_50;
INSERT INTO patient_state (patient_program_id, state, start_date) SELECT seq, 1, CURDATE() FROM seq_1_to_50;
INSERT INTO concept_name (concept_id, name, locale) SELECT seq, CONCAT('Concept ', seq), 'en' FROM seq_1_to_300;
INSERT INTO drug (concept_id, name, strength) SELECT seq, CONCAT('Drug ', seq), '10 mg' FROM seq_1_to_20;
INSERT INTO users (username, password) VALUES ('admin', 'hash');
