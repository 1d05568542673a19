package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/config"
)

// TestAnswersAreBounded has a Prometheus answer with a warning of some length.
func TestAnswersAreBounded(t *testing.T) {
	const head, tail = `{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["`, `"]}`
	for name, tc := range map[string]struct {
		length int
		wrong  string
	}{
		"short":             {length: 1000},
		"as long as may be": {length: 1 << 20},
		"a byte too long":   {length: 1<<20 + 1, wrong: "more than 1048576 bytes"},
		"endless":           {length: 1 << 26, wrong: "prometheus.maxBytes"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, head+strings.Repeat("x", tc.length-len(head)-len(tail))+tail)
			}))
			defer server.Close()
			source, err := newPrometheus(&config.Prometheus{Address: server.URL, MaxBytes: resource.MustParse("1Mi")})
			if err != nil {
				t.Fatal(err)
			}
			_, warnings, err := source.Query(t.Context(), "x", time.Now())
			switch {
			case tc.wrong == "" && (err != nil || len(warnings) != 1):
				t.Errorf("%d bytes are not read: %v", tc.length, err)
			case tc.wrong != "" && (err == nil || !strings.Contains(err.Error(), tc.wrong)):
				t.Errorf("of %d bytes it says %v, want %q", tc.length, err, tc.wrong)
			}
		})
	}
}
