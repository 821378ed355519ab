package findings

// Untold leaves out of a list of deviations what open findings have told already of
// rows without a key. Which of some equal rows is meant nobody can tell, and a
// recorded change of one of them gives the others' numbers another meaning: so it is
// how many are gone, or are there beyond those on record, that counts. Group returns
// what the keys of equal rows have in common, and of tells the verdict on a deviation
// and its key.
func Untold[T any](log Log, table string, group func(key []byte) string, list []T, of func(T) (Verdict, []byte)) (fresh []T, err error) {
	type kind struct {
		verdict Verdict
		group   string
	}
	told := make(map[kind]map[string]bool)
	err = Each(log, func(f *Finding) error {
		k := kind{f.Verdict, group(f.Key)}
		if f.Table == table && told[k] == nil {
			told[k] = make(map[string]bool)
		}
		if f.Table == table {
			told[k][string(f.Key)] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	left := make(map[kind]int)
	for k, keys := range told {
		left[k] = len(keys)
	}
	var others []T
	for _, one := range list {
		verdict, key := of(one)
		k := kind{verdict, group(key)}
		switch {
		case verdict != Deleted && verdict != UnloggedInsert:
			fresh = append(fresh, one)
		case told[k][string(key)]:
			left[k]--
		default:
			others = append(others, one)
		}
	}
	for _, one := range others {
		verdict, key := of(one)
		k := kind{verdict, group(key)}
		if left[k]--; left[k] < 0 {
			fresh = append(fresh, one)
		}
	}
	return fresh, nil
}
