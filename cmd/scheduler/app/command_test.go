package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/evenkeel/evenkeel/cmd/scheduler/explain"
)

func TestMain(m *testing.M) {
	// Each command sets logging up; here many do so in one process.
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
	os.Exit(m.Run())
}

// execute runs the command line and returns what it printed.
func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := NewCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unreachable is a kubeconfig of a cluster that is not there.
const unreachable = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
`

func TestCommandRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	kubeconfig := write(t, "kubeconfig", unreachable)
	withKubeconfig := write(t, "config.yaml", `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: /nowhere/at/all}
`)
	typo := write(t, "typo.yaml", `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles: [{schedulerName: evenkeel, pluginConfig: [{name: RealLoad, args: {targets: 60}}]}]
`)
	cases := map[string]struct {
		reason string
		args   []string
		want   []string
	}{
		"NoCluster": {
			reason: "the cure is told, not that an environment variable is missing",
			want:   []string{"--kubeconfig", "clientConnection.kubeconfig"},
		},
		"MissingKubeconfig":         {args: []string{"--kubeconfig=/nowhere/at/all"}, want: []string{"--kubeconfig", "/nowhere/at/all"}},
		"MissingKubeconfigInConfig": {args: []string{"--config=" + withKubeconfig}, want: []string{"clientConnection.kubeconfig", "/nowhere/at/all"}},
		"KubeconfigBesideConfig": {
			reason: "a flag goes before the file",
			args:   []string{"--config=" + withKubeconfig, "--kubeconfig=/elsewhere"}, want: []string{"--kubeconfig", "/elsewhere"},
		},
		"PortTaken": {
			args: []string{"--kubeconfig=" + kubeconfig, "--secure-port=" + port},
			want: []string{"--secure-port " + port, "127.0.0.1", "address already in use", "choose a free port"},
		},
		"PortOutOfRange":  {args: []string{"--kubeconfig=" + kubeconfig, "--secure-port=70000"}, want: []string{"--secure-port", "70000"}},
		"MissingConfig":   {args: []string{"--config=/nowhere.yaml"}, want: []string{"--config", "/nowhere.yaml"}},
		"TypoInConfig":    {args: []string{"--config=" + typo}, want: []string{typo, "profiles[0].pluginConfig[0].args", "targets"}},
		"UnknownFlag":     {args: []string{"--confg=x"}, want: []string{"--confg"}},
		"WrongDuration":   {args: []string{"--leader-elect-lease-duration=15"}, want: []string{"leader-elect-lease-duration", "15"}},
		"NegativeRecords": {args: []string{"--why-records=-1", "--kubeconfig=" + kubeconfig}, want: []string{"--why-records", "-1"}},
		"UnknownCommand":  {args: []string{"wy", "a/b"}, want: []string{"wy"}},
		"WhyNoPod":        {args: []string{"why"}, want: []string{"NAMESPACE/POD"}},
		"WhyNoNamespace":  {args: []string{"why", "web-1"}, want: []string{"default/web-1"}},
		"WhyTooMuch":      {args: []string{"why", "a/b/c"}, want: []string{"a/b/c"}},
		"WhyEmptyName":    {args: []string{"why", "a/"}, want: []string{"NAMESPACE/POD"}},
		"WhyOutput":       {args: []string{"why", "a/b", "-o", "xml"}, want: []string{"--output", "xml", "json"}},
		"WhyNobody":       {args: []string{"why", "a/b", "--why-socket", "/nowhere/why.sock"}, want: []string{"/nowhere/why.sock", "kubectl exec"}},
		"CheckTypo":       {args: []string{"check", "--config", typo}, want: []string{typo, "targets"}},
		"CheckNothing":    {args: []string{"check"}, want: []string{"--config"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := execute(t, tc.args...)
			if err == nil {
				t.Fatalf("%s: no error; printed %q", tc.reason, out)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: error %q does not say %q", tc.reason, err, want)
				}
			}
		})
	}
}

func TestSocketTakenByFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "why.sock")
	server, err := explain.Listen(path, &answerer{recorder: newRecorder()})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Run(t.Context()) }()
	f := &flags{whySocket: path}
	if err := f.serveWhy(t.Context(), &answerer{recorder: newRecorder()}); err == nil || !strings.Contains(err.Error(), "--why-socket") {
		t.Errorf("error is %v, want one that names the flag", err)
	}
	// Nobody asked for the default place, so that it is taken must not keep
	// pods from being scheduled.
	t.Setenv("XDG_CACHE_HOME", "/proc/nowhere")
	f.whySocket = ""
	if err := f.serveWhy(t.Context(), &answerer{recorder: newRecorder()}); err != nil {
		t.Errorf("without the flag: %v", err)
	}
}

func TestLoopbackByDefault(t *testing.T) {
	cmd := NewCommand()
	if got := cmd.Flags().Lookup("bind-address").Value.String(); got != "127.0.0.1" {
		t.Errorf("--bind-address is %s by default, want loopback", got)
	}
	if err := cmd.Flags().Parse([]string{"--bind-address=0.0.0.0"}); err != nil {
		t.Fatal(err)
	}
	if got := cmd.Flags().Lookup("bind-address").Value.String(); got != "0.0.0.0" {
		t.Errorf("--bind-address=0.0.0.0 gives %s", got)
	}
}

func TestConfigAndCheckCommands(t *testing.T) {
	printed, err := execute(t, "config")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(DefaultConfiguration()), printed); diff != "" {
		t.Errorf("config (-built in +printed):\n%s", diff)
	}
	file := write(t, "config.yaml", printed)
	full, err := execute(t, "config", "--config", file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"parallelism: 16", "name: RealLoad", "schedulerName: evenkeel"} {
		if !strings.Contains(full, want) {
			t.Errorf("the full configuration lacks %q:\n%s", want, full)
		}
	}
	verdict, err := execute(t, "check", "--config", write(t, "full.yaml", full))
	if err != nil || !strings.Contains(verdict, "evenkeel") {
		t.Errorf("checking what config printed: %q, %v", verdict, err)
	}
}

func TestHelp(t *testing.T) {
	for args, want := range map[string][]string{
		"--help":     {"schedulerName: evenkeel", "--why-socket", "--leader-elect", "why "},
		"why --help": {"kubectl exec", "--output", "NAMESPACE/POD"},
	} {
		out, err := execute(t, strings.Fields(args)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range want {
			if !strings.Contains(out, want) {
				t.Errorf("%s does not say %q:\n%s", args, want, out)
			}
		}
		if args == "why --help" && strings.Contains(out, "--leader-elect-") {
			t.Errorf("the help of why lists the flags of the scheduler")
		}
	}
}

func TestWhyCommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "why.sock")
	records := []explain.Record{
		{Namespace: "shop", Name: "web-1", Profile: "evenkeel", Outcome: explain.Placed, Node: "node-a", Attempt: 2, At: time.Now()},
		{Namespace: "shop", Name: "web-1", Profile: "evenkeel", Outcome: explain.Unschedulable, Attempt: 1, At: time.Now()},
	}
	server, err := explain.Listen(path, source{records})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Run(t.Context()) }()

	out, err := execute(t, "why", "shop/web-1", "--why-socket", path)
	if err != nil || !strings.Contains(out, "placed on node-a") || strings.Contains(out, "fits no node") {
		t.Errorf("why printed %q, %v; want the last attempt alone", out, err)
	}
	out, err = execute(t, "why", "shop/web-1", "--all", "--why-socket", path)
	if err != nil || !strings.Contains(out, "placed on node-a") || !strings.Contains(out, "fits no node") {
		t.Errorf("why --all printed %q, %v; want both attempts", out, err)
	}
	out, err = execute(t, "why", "shop/web-1", "-o", "json", "--why-socket", path)
	if err != nil {
		t.Fatal(err)
	}
	var got []explain.Record
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 1 || got[0].Node != "node-a" {
		t.Errorf("why -o json printed %q: %v", out, err)
	}
	if _, err := execute(t, "why", "shop/web-9", "--why-socket", path); err == nil || !strings.Contains(err.Error(), "shop/web-9") {
		t.Errorf("about an unknown pod: %v", err)
	}
}

// source answers about shop/web-1.
type source struct{ records []explain.Record }

func (s source) Answer(_ context.Context, _, name string) explain.Answer {
	if name != "web-1" {
		return explain.Answer{Capacity: 10}
	}
	return explain.Answer{Records: s.records, Capacity: 10, Kept: 2}
}
