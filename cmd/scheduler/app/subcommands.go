package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel/evenkeel/cmd/scheduler/explain"
)

func newWhyCommand() *cobra.Command {
	var socket, output string
	var all bool
	cmd := &cobra.Command{
		Use:   "why NAMESPACE/POD",
		Short: "Tell why a pod was placed where it is",
		Long: `why asks the scheduler that runs here, in this container or on this machine,
about a pod: the best few nodes with every plugin's score, the nodes filtered
out and why, and the usage believed with its age. In a cluster:

  kubectl exec -n evenkeel-system deploy/evenkeel-scheduler -- scheduler why default/web-0

The last placements are kept in memory by the replica that leads.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("why takes one pod, as NAMESPACE/POD; got %q", args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			namespace, name, err := splitPod(args[0])
			if err != nil {
				return err
			}
			if output != "table" && output != "json" {
				return fmt.Errorf("--output is %q: it must be table or json", output)
			}
			sockets := explain.DefaultSockets()
			if socket != "" {
				sockets = []string{socket}
			}
			answer, err := explain.Ask(cmd.Context(), sockets, namespace, name)
			if err != nil {
				return err
			}
			if len(answer.Records) == 0 {
				return answer.Missing(namespace, name)
			}
			if !all {
				answer.Records = answer.Records[:1]
			}
			return printRecords(cmd.OutOrStdout(), answer.Records, output)
		},
	}
	cmd.Flags().StringVar(&socket, "why-socket", "",
		fmt.Sprintf("The scheduler's unix socket. Default: the first of %q that answers.", explain.DefaultSockets()))
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json.")
	cmd.Flags().BoolVar(&all, "all", false, "Show every attempt that is kept, not only the last.")
	return cmd
}

func splitPod(argument string) (namespace, name string, err error) {
	namespace, name, found := strings.Cut(argument, "/")
	if !found {
		return "", "", fmt.Errorf("%q names no namespace: write it as NAMESPACE/POD, such as default/%s", argument, argument)
	}
	if namespace == "" || name == "" || strings.Contains(name, "/") {
		return "", "", fmt.Errorf("%q is no pod: write it as NAMESPACE/POD", argument)
	}
	return namespace, name, nil
}

func printRecords(w io.Writer, records []explain.Record, output string) error {
	if output == "json" {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(records); err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
		return nil
	}
	for i := range records {
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return fmt.Errorf("writing the table: %w", err)
			}
		}
		if err := explain.WriteTable(w, &records[i], time.Now()); err != nil {
			return fmt.Errorf("writing the table: %w", err)
		}
	}
	return nil
}

func newConfigCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the configuration that the scheduler would run, with every default",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				_, err := cmd.OutOrStdout().Write(DefaultConfiguration())
				return err
			}
			cfg, err := loadConfiguration(file)
			if err != nil {
				return err
			}
			data, err := encodeConfiguration(cfg)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "The configuration file. Default: the built-in configuration, printed with its comments.")
	return cmd
}

func newCheckCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a configuration without a cluster",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return errors.New("name the file to check with --config")
			}
			cfg, err := loadConfiguration(file)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is good; it serves the schedulerNames %s.\n", file, strings.Join(profileNames(cfg), ", "))
			return err
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "The configuration file.")
	return cmd
}
