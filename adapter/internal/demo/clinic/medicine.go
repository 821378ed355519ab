package clinic

// A condition is what a patient has for years; visits follow it.
type condition struct {
	name       string
	department string
	reasons    []string
	drugs      []drug
	tests      []test
}

type drug struct {
	name      string
	doses     []float64 // mg
	frequency string
	days      int
}

// A test has a reference range, a typical value and spread, and the number of
// decimals that laboratories report.
type test struct {
	name            string
	unit            string
	low, high       float64
	typical, spread float64
	decimals        int
}

func conditions() []condition {
	potassium := test{"Potassium", "mmol/L", 3.5, 5.1, 4.3, 0.35, 1}
	creatinine := test{"Creatinine", "µmol/L", 45, 104, 82, 18, 0}
	haemoglobin := test{"Haemoglobin", "g/L", 120, 170, 139, 14, 0}
	return []condition{
		{"hypertension", "Cardiology", []string{"Blood pressure review", "Headache, raised blood pressure", "Annual cardiovascular check"},
			[]drug{{"Amlodipine", []float64{5, 10}, "once daily", 90}, {"Ramipril", []float64{2.5, 5, 10}, "once daily", 90}, {"Indapamide", []float64{1.5, 2.5}, "in the morning", 90}},
			[]test{potassium, creatinine, {"Sodium", "mmol/L", 135, 145, 140, 2.5, 0}}},
		{"type 2 diabetes", "Endocrinology", []string{"Diabetes review", "Raised fasting glucose", "Foot check"},
			[]drug{{"Metformin", []float64{500, 850, 1000}, "twice daily", 90}, {"Gliclazide", []float64{30, 60, 80}, "once daily", 60}, {"Empagliflozin", []float64{10, 25}, "once daily", 90}},
			[]test{{"HbA1c", "mmol/mol", 20, 42, 54, 9, 0}, {"Glucose, fasting", "mmol/L", 3.9, 5.6, 7.2, 1.4, 1}, creatinine}},
		{"asthma", "Pulmonology", []string{"Asthma review", "Cough at night", "Shortness of breath on effort"},
			[]drug{{"Montelukast", []float64{10}, "in the evening", 30}, {"Prednisolone", []float64{20, 40}, "once daily", 5}},
			[]test{{"Peak flow", "L/min", 320, 650, 410, 70, 0}, {"Eosinophils", "10^9/L", 0, 0.5, 0.38, 0.15, 2}}},
		{"hypothyroidism", "Endocrinology", []string{"Thyroid review", "Fatigue", "Dose adjustment"},
			[]drug{{"Levothyroxine", []float64{0.05, 0.075, 0.1, 0.125}, "before breakfast", 90}},
			[]test{{"TSH", "mIU/L", 0.4, 4.2, 3.6, 1.6, 2}, {"Free T4", "pmol/L", 12, 22, 14.5, 2.4, 1}}},
		{"atrial fibrillation", "Cardiology", []string{"Palpitations", "Anticoagulation check", "Rhythm review"},
			[]drug{{"Apixaban", []float64{2.5, 5}, "twice daily", 90}, {"Bisoprolol", []float64{2.5, 5}, "once daily", 90}, {"Warfarin", []float64{3, 5}, "as directed", 30}},
			[]test{{"INR", "", 0.9, 1.2, 2.4, 0.5, 1}, potassium, haemoglobin}},
		{"high cholesterol", "Family medicine", []string{"Lipid review", "Annual check"},
			[]drug{{"Atorvastatin", []float64{20, 40, 80}, "at night", 90}, {"Ezetimibe", []float64{10}, "once daily", 90}},
			[]test{{"LDL cholesterol", "mmol/L", 0, 3, 3.3, 0.8, 1}, {"ALT", "U/L", 7, 45, 31, 12, 0}}},
		{"iron deficiency", "Internal medicine", []string{"Tiredness", "Anaemia follow-up"},
			[]drug{{"Ferrous sulfate", []float64{200}, "once daily", 60}},
			[]test{{"Ferritin", "µg/L", 15, 250, 22, 11, 0}, haemoglobin}},
		{"osteoarthritis", "Orthopaedics", []string{"Knee pain", "Hip pain, reduced movement", "Joint injection review"},
			[]drug{{"Paracetamol", []float64{500, 1000}, "up to four times daily", 30}, {"Naproxen", []float64{250, 500}, "twice daily", 14}},
			[]test{{"CRP", "mg/L", 0, 5, 4, 3, 1}, creatinine}},
		{"depression", "Psychiatry", []string{"Mood review", "Sleep disturbance", "Medication review"},
			[]drug{{"Sertraline", []float64{50, 100}, "once daily", 60}, {"Mirtazapine", []float64{15, 30}, "at night", 60}},
			[]test{{"Sodium", "mmol/L", 135, 145, 139, 2.8, 0}}},
		{"chronic kidney disease", "Nephrology", []string{"Kidney function review", "Swollen ankles"},
			[]drug{{"Furosemide", []float64{20, 40}, "in the morning", 60}, {"Dapagliflozin", []float64{10}, "once daily", 90}},
			[]test{{"eGFR", "mL/min/1.73m²", 60, 120, 44, 11, 0}, {"Urine ACR", "mg/mmol", 0, 3, 12, 8, 1}, potassium}},
		{"healthy", "Family medicine", []string{"Sore throat", "Vaccination", "Travel advice", "Sprained ankle", "Skin rash", "Certificate"},
			[]drug{{"Amoxicillin", []float64{500}, "three times daily", 7}, {"Ibuprofen", []float64{400}, "up to three times daily", 5}, {"Cetirizine", []float64{10}, "once daily", 14}},
			[]test{haemoglobin, {"CRP", "mg/L", 0, 5, 6, 5, 1}, {"Leukocytes", "10^9/L", 4, 10, 7.2, 1.8, 1}}},
	}
}

func notes() []string {
	return []string{
		"Feels well. No change to treatment.", "Reports good days and bad days; plan agreed.",
		"Symptoms better since the last visit.", "Side effects discussed, wishes to continue.",
		"Blood taken, results to follow.", "Missed doses; reminder chart given.",
		"Examination without findings.", "Family informed at the patient's wish.",
		"Referred for imaging.", "To come back if it does not settle within two weeks.",
	}
}

func allergens() []string {
	return []string{"penicillin", "latex", "peanuts", "sulfonamides", "iodine contrast", "bee venom", "nickel"}
}

func bloodGroups() []string {
	return []string{"O+", "O+", "O+", "A+", "A+", "A+", "B+", "AB+", "O-", "A-", "B-", "AB-"}
}

func clinicians() []string {
	return []string{"Dr. Oduya", "Dr. Lindqvist", "Dr. Marchetti", "Dr. Khoury", "Dr. Tamsin Vale", "Dr. Ferreira",
		"Dr. Nakagawa", "Dr. Brandt", "Dr. O'Shea", "Dr. Petrov"}
}
