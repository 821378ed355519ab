package clinic

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Texts of times and dates as the tables hold them.
const (
	timeForm = "2006-01-02 15:04:05"
	dateForm = "2006-01-02"
)

// writer inserts rows in one transaction and keeps the first error.
type writer struct {
	ctx context.Context
	tx  *sql.Tx
	err error
}

// insert returns the new row's number.
func (w *writer) insert(table, columns string, values ...any) int64 {
	if w.err != nil {
		return 0
	}
	marks := strings.TrimSuffix(strings.Repeat("?,", len(values)), ",")
	result, err := w.tx.ExecContext(w.ctx, "INSERT INTO "+table+" ("+columns+") VALUES ("+marks+")", values...)
	if err != nil {
		w.err = fmt.Errorf("insert into %s: %w", table, err)
		return 0
	}
	id, err := result.LastInsertId()
	if err != nil {
		w.err = fmt.Errorf("insert into %s: %w", table, err)
	}
	return id
}

// history writes a patient with the visits of five years.
func (w *writer) history(random *rand.Rand, number int) {
	registered := opening.AddDate(0, 0, -30-random.IntN(5*365)).Add(time.Duration(random.IntN(600)) * time.Minute)
	patient, has := w.patient(random, number, registered)
	span := int(opening.Sub(registered).Hours() / 24)
	visits := 1 + random.IntN(1+min(span/120, 6))
	for visit := range visits {
		day := span * visit / visits
		at := registered.AddDate(0, 0, day).Add(time.Duration(random.IntN(540)) * time.Minute)
		w.visit(random, patient, pick(random, has), at)
	}
}

func (w *writer) patient(random *rand.Rand, number int, registered time.Time) (id int64, has []condition) {
	has = draw(random)
	sex, given := "female", pick(random, womensNames())
	if random.IntN(2) == 0 {
		sex, given = "male", pick(random, mensNames())
	}
	var names []string
	for _, c := range has {
		names = append(names, c.name)
	}
	born := registered.AddDate(-18-random.IntN(70), 0, -random.IntN(365))
	id = w.insert("patients", "mrn, family_name, given_name, birth_date, sex, address, phone, blood_group, allergies, conditions, registered_at",
		fmt.Sprintf("MRN-%06d", 100000+number*7), pick(random, familyNames()), given, born.Format(dateForm), sex,
		fmt.Sprintf("%d %s, %s", 1+random.IntN(120), pick(random, streets()), pick(random, towns())),
		maybe(random, 90, fmt.Sprintf("555-01%02d", random.IntN(100))), pick(random, bloodGroups()),
		maybe(random, 25, pick(random, allergens())), strings.Join(names, ", "), registered.Format(timeForm))
	return id, has
}

// draw returns one to three different conditions.
func draw(random *rand.Rand) []condition {
	all := conditions()
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+random.IntN(3)]
}

// written are the numbers of the rows of a visit.
type written struct{ encounter, prescriptions, results []int64 }

func (w *writer) visit(random *rand.Rand, patient int64, c condition, at time.Time) written {
	encounter := w.insert("encounters", "patient_id, started_at, department, clinician, reason, note, status",
		patient, at.Format(timeForm), c.department, pick(random, clinicians()), pick(random, c.reasons),
		maybe(random, 80, pick(random, notes())), "finished")
	made := written{encounter: []int64{encounter}}
	for _, t := range c.tests {
		if random.IntN(100) < 75 {
			made.results = append(made.results, w.result(random, patient, encounter, t, at.Add(20*time.Minute)))
		}
	}
	if random.IntN(100) < 85 {
		made.prescriptions = append(made.prescriptions, w.prescription(random, patient, encounter, pick(random, c.drugs), at.Add(15*time.Minute)))
	}
	return made
}

func (w *writer) prescription(random *rand.Rand, patient, encounter int64, d drug, at time.Time) int64 {
	return w.insert("prescriptions", "patient_id, encounter_id, drug, dose_mg, frequency, days, prescribed_at, status",
		patient, encounter, d.name, pick(random, d.doses), d.frequency, d.days, at.Format(timeForm), "active")
}

func (w *writer) result(random *rand.Rand, patient, encounter int64, t test, at time.Time) int64 {
	value := t.measure(random)
	return w.insert("results", "patient_id, encounter_id, test, value, unit, low, high, flag, taken_at, comment",
		patient, encounter, t.name, value, t.unit, t.low, t.high, t.flag(value), at.Format(timeForm),
		maybe(random, 5, "sample slightly haemolysed"))
}

// measure returns a value near the typical one, as the laboratory rounds it.
func (t test) measure(random *rand.Rand) float64 {
	scale := math.Pow10(t.decimals)
	value := math.Max(t.typical+t.spread*random.NormFloat64(), 1/scale)
	return math.Round(value*scale) / scale
}

func (t test) flag(value float64) string {
	switch {
	case value < t.low:
		return "L"
	case value > t.high:
		return "H"
	}
	return "N"
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// maybe returns the text in so many of a hundred cases, else null.
func maybe(random *rand.Rand, percent int, text string) any {
	if random.IntN(100) < percent {
		return text
	}
	return nil
}
