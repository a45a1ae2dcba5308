// Command read prints the documents of a YAML stream as Kubernetes reads them, as one JSON array.
//
// Kubernetes turns YAML into JSON through sigs.k8s.io/yaml before anything else looks at it, so what this prints is
// what a controller meets: `y` is a Boolean there, `1e3` a number. A duplicate key is an error, as it is for the API
// server with strict field validation.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func documents(stream io.Reader) ([]json.RawMessage, error) {
	read := []json.RawMessage{}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(stream))
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return read, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := yaml.YAMLToJSONStrict(text)
		if err != nil {
			return nil, err
		}
		read = append(read, data)
	}
}

func main() {
	read, err := documents(os.Stdin)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(read)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
