// Reads a dashboard from standard input with the types that Grafana generates from its schemas, and fails for any field that they
// do not have.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Some decoders return an empty list of errors, which is not nil.
func orNil(err error) error {
	var list cog.BuildErrors
	if errors.As(err, &list) && len(list) == 0 {
		return nil
	}
	return err
}

func check() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	runtime := cog.NewRuntime()
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(table.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	read := dashboard.Dashboard{}
	if err := orNil(read.UnmarshalJSONStrict(text)); err != nil {
		return err
	}
	if err := read.Validate(); err != nil {
		return err
	}
	if current := dashboard.NewDashboard().SchemaVersion; read.SchemaVersion != current {
		return fmt.Errorf("schemaVersion is %d, Grafana's is %d", read.SchemaVersion, current)
	}
	return checkFieldConfigs(text)
}

// The decoder of a panel ignores unknown fields here.
func checkFieldConfigs(text []byte) error {
	var dashboardText struct {
		Panels []struct {
			Title       string
			FieldConfig json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &dashboardText); err != nil {
		return err
	}
	for _, panel := range dashboardText.Panels {
		var read dashboard.FieldConfigSource
		if err := orNil(read.UnmarshalJSONStrict(panel.FieldConfig)); err != nil {
			return fmt.Errorf("%s: %w", panel.Title, err)
		}
	}
	return nil
}

func main() {
	if err := check(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
