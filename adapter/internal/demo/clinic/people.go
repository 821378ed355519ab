package clinic

func womensNames() []string {
	return []string{"Ada", "Amira", "Beatriz", "Carla", "Chiara", "Dagny", "Elif", "Esther", "Fatou", "Greta", "Hana", "Ines",
		"Ingrid", "Jana", "Kavya", "Leila", "Lucía", "Marit", "Mei", "Nadia", "Oksana", "Priya", "Renée", "Rosa", "Saskia",
		"Sigrún", "Tala", "Ulla", "Vera", "Yara", "Zofia", "Zoë"}
}

func mensNames() []string {
	return []string{"Aarav", "Abel", "Anton", "Bram", "Cem", "Dario", "Einar", "Emeka", "Farid", "Georg", "Hamid", "Håkon",
		"Ivo", "Jamal", "Joaquín", "Kofi", "Lars", "Levi", "Luca", "Marek", "Mateo", "Nils", "Omar", "Pavel", "Quentin",
		"Rafał", "Rui", "Samir", "Tomás", "Viktor", "Willem", "Yusuf"}
}

func familyNames() []string {
	return []string{"Achterberg", "Adeyemi", "Alvarez", "Bianchi", "Birk", "Castellanos", "Chaudhry", "Dahl", "Demir",
		"Eriksen", "Fairweather", "Fofana", "García", "Haddad", "Halloran", "Ibsen", "Jansen", "Kaplan", "Kowalska", "Lefèvre",
		"Lindholm", "Marín", "Meyerhoff", "Mwangi", "Nakamura", "Novák", "Okafor", "Olsen", "Pereira", "Quist", "Rahman",
		"Rossi", "Sandoval", "Schäfer", "Silva", "Szabó", "Tanaka", "Thorne", "Ustinov", "Vandermeer", "Weisz", "Whitlock",
		"Yıldız", "Zamora"}
}

func streets() []string {
	return []string{"Alder Row", "Bakehouse Lane", "Canal Street", "Church Walk", "Cooper Street", "Dyers Yard", "Elm Terrace",
		"Ferry Road", "Granary Square", "Harbour View", "Kiln Lane", "Linden Avenue", "Market Hill", "Mill Street", "Old Post Road",
		"Quarry Side", "Station Road", "Tanners Court", "Vine Street", "Weavers Lane"}
}

func towns() []string {
	return []string{"Northgate", "Alderbrook", "Saltmarsh", "Millford", "Eastbury", "Stonebridge"}
}
