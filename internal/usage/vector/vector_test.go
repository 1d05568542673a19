package vector

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

type decoded struct {
	Namespace, Pod string
	Value          float64
	At             int64
}

func decodeAll(r io.Reader) ([]decoded, Answer, error) {
	s := New()
	s.Reset(r)
	var out []decoded
	got, err := s.Decode([]string{"namespace", "pod"}, func(one Series) {
		out = append(out, decoded{string(one.Names[0]), string(one.Names[1]), one.Value, one.At})
	})
	return out, got, err
}

const whole = `{"status":"success","data":{"resultType":"vector","result":[` +
	`{"metric":{"__name__":"x","namespace":"shop","pod":"web-1","le":"\"é\\"},"value":[1700000000.123,"0.25"]},` +
	`{"value":[1700000000.123,"1e3"],"metric":{"pod":"web-2","namespace":"shop"}},` +
	`{"metric":{"pod":"web-3"},"value":[1700000001,"NaN"]},` +
	`{"metric":{"pod":"h"},"histogram":[1700000001,{"count":"2","buckets":[[0,"1","2","3"]]}]},` +
	`{"metric":{},"value":[1700000001,"+Inf"]}` +
	`]},"warnings":["w"],"infos":[],"extra":{"deep":[[[null,true,-1.5e+7]]]}}` + "\n"

var wholeWant = []decoded{
	{"shop", "web-1", 0.25, 1700000000123},
	{"shop", "web-2", 1000, 1700000000123},
	{"", "web-3", math.NaN(), 1700000001000},
	{"", "", math.Inf(1), 1700000001000},
}

func TestDecode(t *testing.T) {
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"at once":       func(r io.Reader) io.Reader { return r },
		"byte by byte":  iotest.OneByteReader,
		"by halves":     iotest.HalfReader,
		"end with data": iotest.DataErrReader,
	} {
		t.Run(name, func(t *testing.T) {
			got, a, err := decodeAll(wrap(strings.NewReader(whole)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wholeWant, got, cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if a.Series != 5 {
				t.Errorf("%d series", a.Series)
			}
		})
	}
}

func TestDecodeStatusLast(t *testing.T) {
	got, _, err := decodeAll(strings.NewReader(`{"data":{"result":[{"metric":{"namespace":"a","pod":"b"},"value":[1,"2"]}],"resultType":"vector"},"status":"success"}`))
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v: the order of the fields is free", got, err)
	}
}

func TestDecodeBad(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":           {"", "unexpected EOF"},
		"page":              {"<html><body>Sign in</body></html>", `found '<' where '{' should be`},
		"garbage":           {"\x00\xff\x01", "found"},
		"not an object":     {"[]", "not of Prometheus"},
		"error":             {`{"status":"error","errorType":"bad_data","error":"parse error: x"}`, "bad_data: parse error: x"},
		"error with data":   {`{"status":"error","data":null,"errorType":"timeout","error":"e"}`, "timeout: e"},
		"no status":         {`{"data":{"resultType":"vector","result":[]}}`, "no status"},
		"no result":         {`{"status":"success"}`, "no result"},
		"no data":           {`{"status":"success","data":null}`, "no result"},
		"scalar":            {`{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`, "instant vector"},
		"matrix":            {`{"status":"success","data":{"resultType":"matrix","result":[]}}`, "instant vector"},
		"value":             {`{"status":"success","data":{"result":[{"metric":{},"value":[1,"x"]}]}}`, `"x" is not a value`},
		"value, no string":  {`{"status":"success","data":{"result":[{"metric":{},"value":[1,2]}]}}`, "found '2'"},
		"value alone":       {`{"status":"success","data":{"result":[{"metric":{},"value":["2"]}]}}`, "found '\"'"},
		"three values":      {`{"status":"success","data":{"result":[{"metric":{},"value":[1,"2",3]}]}}`, "a time and a value"},
		"no values":         {`{"status":"success","data":{"result":[{"metric":{},"value":[]}]}}`, "a time and a value"},
		"time":              {`{"status":"success","data":{"result":[{"metric":{},"value":[null,"1"]}]}}`, "is not a time"},
		"far time":          {`{"status":"success","data":{"result":[{"metric":{},"value":[1e300,"1"]}]}}`, "is not a time"},
		"label":             {`{"status":"success","data":{"result":[{"metric":{"pod":5},"value":[1,"1"]}]}}`, "found '5'"},
		"after the end":     {`{"status":"success","data":{"result":[]}} x`, "where the end should be"},
		"no comma":          {`{"status":"success" "data":1}`, "a comma"},
		"control character": {"{\"sta\ntus\":1}", "a letter"},
		"escape":            {`{"sta\xtus":1}`, "an escape"},
		"hex":               {`{"sta\u00zz":1}`, "a hexadecimal digit"},
		"deep":              {`{"x":` + strings.Repeat("[", 100), "deeper than"},
		"long number":       {`{"x":` + strings.Repeat("1", 1000) + `}`, "the end of a number"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := decodeAll(strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// An answer cut off anywhere is an error, and what came before is as it was.
func TestDecodeTruncated(t *testing.T) {
	for n := range len(strings.TrimSpace(whole)) {
		got, _, err := decodeAll(strings.NewReader(whole[:n]))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", n, err)
		}
		for i, one := range got {
			if one.Pod != wholeWant[i].Pod || one.At != wholeWant[i].At {
				t.Fatalf("cut at %d: %v", n, got)
			}
		}
	}
}

func TestUnicode(t *testing.T) {
	for text, want := range map[string]string{
		`\u0041`:             "A",
		`\u00e9`:             "\u00e9",
		`\u00E9`:             "\u00e9",
		`\ud83d\ude00`:       "\U0001f600",
		`\ud83d`:             "\ufffd",
		`\ud83dx`:            "\ufffdx",
		`\ud83d\n`:           "\ufffd\n",
		`\ud83d\u0041`:       "\ufffdA",
		`\ud83d\ud83d\ude00`: "\ufffd\U0001f600",
		`\ude00`:             "\ufffd",
		`\/\b\f\r\t\"\\`:     "/\b\f\r\t\"\\",
	} {
		var viaJSON string
		if err := json.Unmarshal([]byte(`"`+text+`"`), &viaJSON); err != nil || viaJSON != want {
			t.Fatalf("the test is wrong: %q is %q, %v", text, viaJSON, err)
		}
		s := New()
		s.Reset(iotest.OneByteReader(strings.NewReader(`"` + text + `"`)))
		if got, err := s.str(); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v, want %q", text, got, err, want)
		}
	}
}

// FuzzDecode: whatever is taken is JSON, and says what encoding/json reads in it.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(`{"status":"success","data":{"resultType":"vector","result":[]}}`))
	f.Add([]byte(`{"status":"error","errorType":"timeout","error":"query timed out"}`))
	f.Add([]byte(`{"data":{"result":[{"metric":{"namespace":"\ud83d\ude00"},"value":[0,"0x1p-2"]}]},"status":"success"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, _, err := decodeAll(bytes.NewReader(text))
		again, _, err2 := decodeAll(iotest.OneByteReader(bytes.NewReader(text)))
		if (err == nil) != (err2 == nil) || len(got) != len(again) {
			t.Fatalf("at once %v, byte by byte %v", err, err2)
		}
		if err != nil || !json.Valid(text) {
			return // what is passed over is not looked at closely
		}
		if want, ok := viaJSON(text); ok && len(want) != len(got) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// FuzzRoundTrip: names and values come out as they went in.
func FuzzRoundTrip(f *testing.F) {
	f.Add("shop", "web-1", 0.25, int64(1700000000123))
	f.Add("\x00\"\\\u2028", "é😀", math.Inf(-1), int64(0))
	f.Fuzz(func(t *testing.T, namespace, pod string, value float64, at int64) {
		if at < 0 || at > 1<<44 {
			t.Skip()
		}
		namespace, pod = strings.ToValidUTF8(namespace, "?"), strings.ToValidUTF8(pod, "?")
		text, err := json.Marshal(map[string]any{"status": "success", "data": map[string]any{"resultType": "vector", "result": []any{
			map[string]any{"metric": map[string]string{"namespace": namespace, "pod": pod}, "value": []any{float64(at) / 1000, strconv.FormatFloat(value, 'g', -1, 64)}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := decodeAll(bytes.NewReader(text))
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, %v", text, got, err)
		}
		same := got[0].Value == value || math.IsNaN(value) && math.IsNaN(got[0].Value)
		if got[0].Namespace != namespace || got[0].Pod != pod || !same || got[0].At != at {
			t.Errorf("%s came out as %v", text, got[0])
		}
	})
}

// viaJSON reads an answer with encoding/json, where every key is there once.
func viaJSON(text []byte) ([]decoded, bool) {
	if bytes.Count(text, []byte(`"result"`)) != 1 || bytes.Count(text, []byte(`"data"`)) != 1 {
		return nil, false
	}
	var a struct {
		Data struct {
			Result []map[string]json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if json.Unmarshal(text, &a) != nil {
		return nil, false
	}
	var out []decoded
	for _, one := range a.Data.Result {
		if _, ok := one["value"]; ok {
			out = append(out, decoded{})
		}
	}
	return out, true
}
