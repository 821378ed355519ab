package recordlog

import "testing"

// TestVersionsTakeWhatIsEstimated holds the estimate that people plan disks by
// against what a log of 20,000 versions takes.
func TestVersionsTakeWhatIsEstimated(t *testing.T) {
	for _, columns := range []int{3, 20, 60} {
		o, dir := testOptions(t), quickDir(t)
		must(t, Create(dir, testOrigin, o))
		l := openTestLog(t, dir, o)
		m, n := newMaker(columns), int64(0)
		for l.Size() < 20_000 {
			must(t, l.Update(func(b *Batch) error {
				for range 1000 {
					n++
					if err := m.bench(b, patient(n/10), intKey(n), false); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		took := float64(dirSize(t, dir)) / float64(l.Size())
		if estimate := float64(VersionBytes(columns, 7)); took < 0.7*estimate || took > 1.2*estimate {
			t.Errorf("a version of %d columns takes %.0f bytes, %.0f are estimated", columns, took, estimate)
		}
	}
}
