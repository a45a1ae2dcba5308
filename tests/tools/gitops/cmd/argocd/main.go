// Command argocd runs Argo CD's own code over an Application, without a cluster.
//
//	argocd server [FLAG...]
//	argocd manifests [-plugin NAME] APPLICATION FOLDER
//
// The first is argocd-cmp-server, the sidecar that runs a config management plugin: it reads plugin.yaml from the folder
// of its flag --config-dir-path and listens on a socket in $ARGOCD_PLUGINSOCKFILEPATH. The second does what the repo
// server does at a sync: it reads an Application strictly, finds out what kind of source a checkout of its repository
// is, asks the plugin for the manifests, and prints them as {"type", "manifests"}. What can't be done ends with status 1
// and Argo CD's own message; `-plugin ""` leaves the choice of a plugin to its discovery.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"github.com/argoproj/argo-cd/v3/cmd/argocd-cmp-server/commands"
	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v3/reposerver/repository"
	"github.com/argoproj/argo-cd/v3/util/git"
	utilio "github.com/argoproj/argo-cd/v3/util/io"
)

const asWritten = "as the application says"

func application(path string) (*v1alpha1.Application, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	read := &v1alpha1.Application{}
	if err := yaml.UnmarshalStrict(text, read); err != nil {
		return nil, err
	}
	if read.Spec.Source == nil {
		return nil, errors.New("the application has no source")
	}
	return read, nil
}

func manifests(path, folder, plugin string) (any, error) {
	read, err := application(path)
	if err != nil {
		return nil, err
	}
	source := read.Spec.Source
	if plugin == "" {
		source.Plugin = nil
	} else if plugin != asWritten {
		source.Plugin = &v1alpha1.ApplicationSourcePlugin{Name: plugin}
	}
	folder, err = filepath.EvalSymlinks(folder)
	if err != nil {
		return nil, err
	}
	request := &apiclient.ManifestRequest{
		Repo:              &v1alpha1.Repository{Repo: source.RepoURL},
		Revision:          source.TargetRevision,
		ApplicationSource: source,
		AppName:           read.Name,
		AppLabelKey:       common.LabelKeyAppInstance,
		Namespace:         read.Spec.Destination.Namespace,
		ProjectName:       read.Spec.Project,
		KubeVersion:       "1.34.0",
	}
	answer, err := repository.GenerateManifests(
		context.Background(), filepath.Join(folder, source.Path), folder, source.TargetRevision, request, true,
		&git.NoopCredsStore{}, resource.MustParse("10M"), utilio.NewRandomizedTempPaths(os.TempDir()),
	)
	if err != nil {
		return nil, err
	}
	objects := []json.RawMessage{}
	for _, one := range answer.Manifests {
		objects = append(objects, json.RawMessage(one))
	}
	return map[string]any{"type": answer.SourceType, "manifests": objects}, nil
}

func serve(words []string) error {
	command := commands.NewCommand()
	command.SetArgs(words)
	return command.Execute()
}

func run(words []string) error {
	if len(words) > 0 && words[0] == "server" {
		return serve(words[1:])
	}
	flags := flag.NewFlagSet("manifests", flag.ContinueOnError)
	plugin := flags.String("plugin", asWritten, "the plugin's name; empty to discover one")
	if len(words) == 0 || words[0] != "manifests" || flags.Parse(words[1:]) != nil || flags.NArg() != 2 {
		return errors.New("usage: argocd server [FLAG...], or argocd manifests [-plugin NAME] APPLICATION FOLDER")
	}
	made, err := manifests(flags.Arg(0), flags.Arg(1), *plugin)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(made)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
