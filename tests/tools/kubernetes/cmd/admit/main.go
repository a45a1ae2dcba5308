// Command admit tells what a Kubernetes API server would say to custom resources, without a server.
//
//	admit -definitions FOLDER FILE...
//
// FOLDER holds CustomResourceDefinitions named GROUP_PLURAL.yaml, as controller-gen names them. Each document of each
// file passes the steps of a create request with strict field validation: duplicate and unknown fields, object
// metadata, defaults, the OpenAPI schema, list sets and maps, and the CEL rules. It prints a JSON array of
// {"file", "message"}; the exit status is 1 when there is a finding and 2 when something can't be read.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// Finding is one reason for which a server would refuse a file.
type Finding struct {
	File    string `json:"file"`
	Message string `json:"message"`
}

// definition is what is needed of a CustomResourceDefinition to judge an object of its kind.
type definition struct {
	namespaced bool
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// definitions reads definitions from a folder when their kind is first met: each is megabytes of YAML.
type definitions struct {
	folder string
	read   map[schema.GroupVersionKind]*definition
}

func (d *definitions) find(kind schema.GroupVersionKind) (*definition, error) {
	if known, ok := d.read[kind]; ok {
		return known, nil
	}
	name := fmt.Sprintf("%s_%ss.yaml", kind.Group, strings.ToLower(kind.Kind))
	text, err := os.ReadFile(filepath.Join(d.folder, name))
	if errors.Is(err, os.ErrNotExist) {
		d.read[kind] = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := parseDefinition(text, kind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d.read[kind] = found
	return found, nil
}

func parseDefinition(text []byte, kind schema.GroupVersionKind) (*definition, error) {
	resource := apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(text, &resource); err != nil {
		return nil, err
	}
	for _, version := range resource.Spec.Versions {
		if version.Name != kind.Version || resource.Spec.Names.Kind != kind.Kind {
			continue
		}
		internal := apiextensions.CustomResourceValidation{}
		err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(version.Schema, &internal, nil)
		if err != nil {
			return nil, err
		}
		structural, err := structuralschema.NewStructural(internal.OpenAPIV3Schema)
		if err != nil {
			return nil, err
		}
		validator, _, err := validation.NewSchemaValidator(internal.OpenAPIV3Schema)
		if err != nil {
			return nil, err
		}
		return &definition{
			namespaced: resource.Spec.Scope == apiextensionsv1.NamespaceScoped,
			structural: structural,
			schema:     validator,
			rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
		}, nil
	}
	return nil, nil
}

// judge returns what a server would say to one object, in the order in which it looks.
func (d *definition) judge(object map[string]any) []string {
	resource := &unstructured.Unstructured{Object: object}
	if d.namespaced && resource.GetNamespace() == "" {
		resource.SetNamespace("default")
	}
	if resource.GetName() == "" && resource.GetGenerateName() != "" {
		resource.SetName(resource.GetGenerateName() + "00000") // a server appends five characters before it looks
	}
	said := []string{}
	pruned := pruning.PruneWithOptions(object, d.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range pruned {
		said = append(said, fmt.Sprintf("unknown field %q", path))
	}
	defaulting.Default(object, d.structural)
	faults := apivalidation.ValidateObjectMetaAccessor(resource, d.namespaced, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
	faults = append(faults, validation.ValidateCustomResource(nil, object, d.schema)...)
	faults = append(faults, listtype.ValidateListSetsAndMaps(nil, d.structural, object)...)
	if d.rules != nil {
		rules, _ := d.rules.Validate(context.Background(), nil, d.structural, object, nil, celconfig.RuntimeCELCostBudget)
		faults = append(faults, rules...)
	}
	for _, fault := range faults {
		said = append(said, fault.Error())
	}
	return said
}

func (d *definitions) judgeDocument(text []byte) ([]string, error) {
	data, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return []string{err.Error()}, nil
	}
	resource := unstructured.Unstructured{}
	if err := resource.UnmarshalJSON(data); err != nil {
		return []string{err.Error()}, nil
	}
	kind := resource.GroupVersionKind()
	found, err := d.find(kind)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return []string{fmt.Sprintf("no definition of %s", kind.GroupKind())}, nil
	}
	return found.judge(resource.Object), nil
}

func (d *definitions) judgeFile(path string) ([]Finding, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	findings := []Finding{}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(file))
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return findings, nil
		}
		if err != nil {
			return nil, err
		}
		if blank(text) {
			continue
		}
		messages, err := d.judgeDocument(text)
		if err != nil {
			return nil, err
		}
		for _, message := range messages {
			findings = append(findings, Finding{path, message})
		}
	}
}

// blank tells whether a document holds comments only, which every Kubernetes client passes over.
func blank(text []byte) bool {
	var data any
	return yaml.Unmarshal(text, &data) == nil && data == nil
}

func run(folder string, paths []string) ([]Finding, error) {
	known := &definitions{folder: folder, read: map[schema.GroupVersionKind]*definition{}}
	findings := []Finding{}
	for _, path := range paths {
		found, err := known.judgeFile(path)
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

func main() {
	folder := flag.String("definitions", "", "folder of CustomResourceDefinitions")
	flag.Parse()
	findings, err := run(*folder, flag.Args())
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(findings)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if len(findings) > 0 {
		os.Exit(1)
	}
}
