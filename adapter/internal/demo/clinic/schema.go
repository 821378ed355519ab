package clinic

// schema is shaped as small EMRs are: a row's own number, the patient's, and
// plain columns. Times are local texts without a zone.
const schema = `
CREATE TABLE patients (
  id            INTEGER PRIMARY KEY,
  mrn           TEXT NOT NULL,
  family_name   TEXT NOT NULL,
  given_name    TEXT NOT NULL,
  birth_date    TEXT NOT NULL,
  sex           TEXT NOT NULL,
  address       TEXT NOT NULL,
  phone         TEXT,
  blood_group   TEXT NOT NULL,
  allergies     TEXT,
  conditions    TEXT NOT NULL,
  registered_at TEXT NOT NULL
) STRICT;
CREATE TABLE encounters (
  id          INTEGER PRIMARY KEY,
  patient_id  INTEGER NOT NULL REFERENCES patients(id),
  started_at  TEXT NOT NULL,
  department  TEXT NOT NULL,
  clinician   TEXT NOT NULL,
  reason      TEXT NOT NULL,
  note        TEXT,
  status      TEXT NOT NULL
) STRICT;
CREATE TABLE prescriptions (
  id            INTEGER PRIMARY KEY,
  patient_id    INTEGER NOT NULL REFERENCES patients(id),
  encounter_id  INTEGER NOT NULL REFERENCES encounters(id),
  drug          TEXT NOT NULL,
  dose_mg       REAL NOT NULL,
  frequency     TEXT NOT NULL,
  days          INTEGER NOT NULL,
  prescribed_at TEXT NOT NULL,
  status        TEXT NOT NULL
) STRICT;
CREATE TABLE results (
  id            INTEGER PRIMARY KEY,
  patient_id    INTEGER NOT NULL REFERENCES patients(id),
  encounter_id  INTEGER NOT NULL REFERENCES encounters(id),
  test          TEXT NOT NULL,
  value         REAL NOT NULL,
  unit          TEXT NOT NULL,
  low           REAL NOT NULL,
  high          REAL NOT NULL,
  flag          TEXT NOT NULL,
  taken_at      TEXT NOT NULL,
  comment       TEXT
) STRICT;
CREATE INDEX encounters_patient ON encounters(patient_id);
CREATE INDEX prescriptions_patient ON prescriptions(patient_id);
CREATE INDEX results_patient ON results(patient_id);
`
