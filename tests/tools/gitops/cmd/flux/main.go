// Command flux builds what Flux and kustomize would apply, by their own code and without a cluster.
//
//	flux sync FILE FOLDER
//	flux build FOLDER
//
// The first reads Flux's objects from a file, strictly, and does what the kustomize controller does with each
// Kustomization over a checkout of its source: it writes a kustomization.yaml into the folder where there is none, and
// builds it securely. The second is `kustomize build`. Both print the objects as a JSON array; those of Kubernetes' own
// kinds must be decoded strictly. What can't be done ends with status 1 and the library's own message.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	securejoin "github.com/cyphar/filepath-securejoin"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/kustomize"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// objects reads a file's Kustomizations; each must have its source in the file.
func objects(path string) ([]*kustomizev1.Kustomization, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sources := map[string]bool{}
	found := []*kustomizev1.Kustomization{}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(file))
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		object := unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &object.Object); err != nil {
			return nil, err
		}
		switch object.GroupVersionKind() {
		case sourcev1.GroupVersion.WithKind(sourcev1.GitRepositoryKind):
			read := &sourcev1.GitRepository{}
			if err := yaml.UnmarshalStrict(text, read); err != nil {
				return nil, err
			}
			sources[read.Kind+" "+read.Name] = true
		case kustomizev1.GroupVersion.WithKind(kustomizev1.KustomizationKind):
			read := &kustomizev1.Kustomization{}
			if err := yaml.UnmarshalStrict(text, read); err != nil {
				return nil, err
			}
			found = append(found, read)
		default:
			return nil, fmt.Errorf("%s is none of Flux's objects that are known here", object.GroupVersionKind())
		}
	}
	for _, one := range found {
		if !sources[one.Spec.SourceRef.Kind+" "+one.Spec.SourceRef.Name] {
			return nil, fmt.Errorf("%s has no source %s", one.Name, one.Spec.SourceRef.Name)
		}
	}
	return found, nil
}

func sync(path, folder string) ([]json.RawMessage, error) {
	found, err := objects(path)
	if err != nil {
		return nil, err
	}
	made := []json.RawMessage{}
	for _, one := range found {
		place, err := securejoin.SecureJoin(folder, one.Spec.Path)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(place); err != nil {
			return nil, err // the controller's ArtifactFailed
		}
		data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(one)
		if err != nil {
			return nil, err
		}
		if _, err := kustomize.NewGenerator(folder, unstructured.Unstructured{Object: data}).WriteFile(place); err != nil {
			return nil, err
		}
		built, err := kustomize.SecureBuild(folder, place, false)
		if err != nil {
			return nil, err
		}
		if made, err = add(made, built); err != nil {
			return nil, err
		}
	}
	return made, nil
}

func build(folder string) ([]json.RawMessage, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	return add([]json.RawMessage{}, built)
}

func add(made []json.RawMessage, built resmap.ResMap) ([]json.RawMessage, error) {
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, one := range built.Resources() {
		text, err := one.MarshalJSON()
		if err != nil {
			return nil, err
		}
		if _, _, err := strict.Decode(text, nil, nil); err != nil && !runtime.IsNotRegisteredError(err) {
			return nil, fmt.Errorf("%s: %w", one.CurId(), err)
		}
		made = append(made, text)
	}
	return made, nil
}

func run(words []string) error {
	var made []json.RawMessage
	var err error
	switch {
	case len(words) == 3 && words[0] == "sync":
		made, err = sync(words[1], words[2])
	case len(words) == 2 && words[0] == "build":
		made, err = build(words[1])
	default:
		err = errors.New("usage: flux sync FILE FOLDER, or flux build FOLDER")
	}
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
