// Command events runs Argo Events' own code over the EventSources and Sensors of some files, without a cluster.
//
//	events < SPECIFICATION
//
// The specification is JSON: {"files", "secret", "folder", "requests"}. Each EventSource and each Sensor is read
// strictly and judged by the validators of Argo Events' controllers. Where there are requests, the event sources listen
// for real on a free port of this machine; each request is posted to them, and what an event source makes of it goes
// through the sensors' filters and triggers, whose objects are created through Kubernetes' fake client. The event bus
// between the two is left out: an event is handed over as it is.
//
// Secrets are files below /argo-events/secrets for Argo Events, so that this goes to live in the folder (chroot) before
// it listens: all of the secrets that the event sources name hold the secret. It prints {"findings", "answers"}. The exit
// status is 2 when something can't be read.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	"sigs.k8s.io/yaml"

	"github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	eventsourcecommon "github.com/argoproj/argo-events/pkg/eventsources/common"
	"github.com/argoproj/argo-events/pkg/eventsources/sources/github"
	"github.com/argoproj/argo-events/pkg/eventsources/sources/gitlab"
	"github.com/argoproj/argo-events/pkg/eventsources/sources/webhook"
	"github.com/argoproj/argo-events/pkg/metrics"
	"github.com/argoproj/argo-events/pkg/reconciler/sensor"
	"github.com/argoproj/argo-events/pkg/sensors/dependencies"
	"github.com/argoproj/argo-events/pkg/sensors/triggers"
	standardk8s "github.com/argoproj/argo-events/pkg/sensors/triggers/standard-k8s"
	"github.com/argoproj/argo-events/pkg/shared/logging"
)

const (
	namespace = "default"
	patience  = 20 * time.Second
)

// Request is what a webhook posts.
type Request struct {
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// Specification is what is asked.
type Specification struct {
	Files    []string  `json:"files"`
	Secret   string    `json:"secret"`
	Folder   string    `json:"folder"`
	Requests []Request `json:"requests"`
}

// Finding is one reason for which Argo Events would refuse an object.
type Finding struct {
	File    string `json:"file"`
	Name    string `json:"name"`
	Message string `json:"message"`
}

// Outcome is what one sensor made of one event.
type Outcome struct {
	Sensor  string         `json:"sensor"`
	Started bool           `json:"started"`
	Message string         `json:"message"` // an error of a filter or of the trigger
	Object  map[string]any `json:"object"`
}

// Answer is what an event source answered to a request, and what came of the event.
type Answer struct {
	Source   string    `json:"source"`
	Status   int       `json:"status"`
	Text     string    `json:"text"`
	Outcomes []Outcome `json:"outcomes"`
}

// listener is what every kind of event source offers.
type listener interface {
	GetEventSourceName() string
	GetEventName() string
	GetEventSourceType() v1alpha1.EventSourceType
	ValidateEventSource(context.Context) error
	StartListening(context.Context, func([]byte, ...eventsourcecommon.Option) error) error
}

// listening is an event source with the context of its webhook.
type listening struct {
	listener
	context *v1alpha1.WebhookContext
	secrets []*corev1.SecretKeySelector
}

type engine struct {
	spec     Specification
	sources  []listening
	sensors  []*v1alpha1.Sensor
	findings []Finding
}

// ---------------------------------------------------------------------------------------------------------- reading

func (e *engine) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(file))
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		object := unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &object.Object); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		switch {
		case object.GroupVersionKind() == v1alpha1.EventSourceGroupVersionKind:
			err = e.readSource(text, object.GetName())
		case object.GroupVersionKind() == v1alpha1.SensorGroupVersionKind:
			err = e.readSensor(text)
		}
		if err != nil {
			e.findings = append(e.findings, Finding{path, object.GetKind() + " " + object.GetName(), err.Error()})
		}
	}
}

func (e *engine) readSource(text []byte, name string) error {
	source := &v1alpha1.EventSource{}
	if err := yaml.UnmarshalStrict(text, source); err != nil {
		return err
	}
	told := metrics.NewMetrics(namespace)
	found := []listening{}
	for event, one := range source.Spec.Github {
		made := &github.EventListener{EventSourceName: name, EventName: event, GithubEventSource: one, Metrics: told}
		found = append(found, listening{made, one.Webhook, []*corev1.SecretKeySelector{one.WebhookSecret}})
	}
	for event, one := range source.Spec.Gitlab {
		made := &gitlab.EventListener{EventSourceName: name, EventName: event, GitlabEventSource: one, Metrics: told}
		found = append(found, listening{made, one.Webhook, []*corev1.SecretKeySelector{one.SecretToken, one.AccessToken}})
	}
	for event, one := range source.Spec.Webhook {
		made := &webhook.EventListener{EventSourceName: name, EventName: event, Webhook: one, Metrics: told}
		found = append(found, listening{made, &made.Webhook.WebhookContext, nil})
	}
	if len(found) == 0 {
		return fmt.Errorf("no event source of a kind that is known here")
	}
	for _, one := range found {
		if err := one.ValidateEventSource(context.Background()); err != nil {
			return err
		}
	}
	e.sources = append(e.sources, found...)
	return nil
}

func (e *engine) readSensor(text []byte) error {
	read := &v1alpha1.Sensor{}
	if err := yaml.UnmarshalStrict(text, read); err != nil {
		return err
	}
	if read.Namespace == "" {
		read.Namespace = namespace
	}
	read.Status.InitConditions()
	bus := &v1alpha1.EventBus{Spec: v1alpha1.EventBusSpec{JetStream: &v1alpha1.JetStreamBus{}}}
	if err := sensor.ValidateSensor(read, bus); err != nil {
		return err
	}
	e.sensors = append(e.sensors, read)
	return nil
}

// -------------------------------------------------------------------------------------------------------- listening

// settle gives each event source a port that is free and secrets that are there.
func (e *engine) settle() error {
	for at := range e.sources {
		source := &e.sources[at]
		free, err := net.Listen("tcp", ":0")
		if err != nil {
			return err
		}
		source.context.Port = strconv.Itoa(free.Addr().(*net.TCPAddr).Port)
		if err := free.Close(); err != nil {
			return err
		}
		for _, secret := range append(source.secrets, source.context.AuthSecret) {
			if secret == nil {
				continue
			}
			path := filepath.Join(e.spec.Folder, "argo-events", "secrets", secret.Name, secret.Key)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte(e.spec.Secret), 0o600); err != nil {
				return err
			}
		}
	}
	if err := syscall.Chroot(e.spec.Folder); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	return os.Chdir("/")
}

func (e *engine) answers(ctx context.Context) ([]Answer, error) {
	given := []Answer{}
	if len(e.spec.Requests) == 0 {
		return given, nil
	}
	if err := e.settle(); err != nil {
		return nil, err
	}
	for _, source := range e.sources {
		events := make(chan []byte, 1)
		ended := make(chan error, 1)
		go func() {
			ended <- source.StartListening(ctx, func(data []byte, _ ...eventsourcecommon.Option) error {
				events <- data
				return nil
			})
		}()
		if err := source.await(ended); err != nil {
			return nil, fmt.Errorf("%s: %w", source.GetEventSourceName(), err)
		}
		for _, request := range e.spec.Requests {
			answer, err := source.post(request)
			if err != nil {
				return nil, err
			}
			select {
			case data := <-events:
				answer.Outcomes = e.deliver(ctx, source, data)
			default: // nothing was dispatched: a dispatch is over before its request is answered
			}
			given = append(given, answer)
		}
	}
	return given, nil
}

func (l *listening) address(path string) string {
	return "http://127.0.0.1:" + l.context.Port + path
}

// await returns when the event source answers, or says why it doesn't.
func (l *listening) await(ended chan error) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			return fmt.Errorf("it does not listen: %v", err)
		default:
		}
		answer, err := http.Get(l.address("/health"))
		if err == nil {
			answer.Body.Close()
			return nil
		}
	}
	return fmt.Errorf("it does not answer")
}

func (l *listening) post(given Request) (Answer, error) {
	method := l.context.Method
	request, err := http.NewRequest(method, l.address(l.context.Endpoint), bytes.NewBufferString(given.Body))
	if err != nil {
		return Answer{}, err
	}
	for name, value := range given.Headers {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return Answer{l.GetEventSourceName(), answer.StatusCode, string(text), []Outcome{}}, err
}

// ------------------------------------------------------------------------------------------------------- triggering

// deliver does what a sensor's listener does with an event: filters, then the trigger.
func (e *engine) deliver(ctx context.Context, source listening, data []byte) []Outcome {
	made := []Outcome{}
	event := &v1alpha1.Event{
		Context: &v1alpha1.EventContext{
			ID: "1", Type: string(source.GetEventSourceType()), Source: source.GetEventSourceName(),
			Subject: source.GetEventName(), SpecVersion: "1.0", DataContentType: v1alpha1.MediaTypeJSON,
		},
		Data: data,
	}
	for _, one := range e.sensors {
		for _, dependency := range one.Spec.Dependencies {
			if dependency.EventSourceName != source.GetEventSourceName() || dependency.EventName != source.GetEventName() {
				continue
			}
			wanted, err := dependencies.Filter(event, dependency.Filters, dependency.FiltersLogicalOperator)
			if !wanted {
				made = append(made, Outcome{Sensor: one.Name, Message: message(err)})
				continue
			}
			for _, trigger := range one.Spec.Triggers {
				object, err := start(ctx, one, trigger, map[string]*v1alpha1.Event{dependency.Name: event})
				outcome := Outcome{Sensor: one.Name, Started: err == nil, Message: message(err)}
				if object != nil {
					outcome.Object = object.Object
				}
				made = append(made, outcome)
			}
		}
	}
	return made
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// start is what Argo Events' triggerOne does, with a client that keeps what it is given.
func start(ctx context.Context, of *v1alpha1.Sensor, trigger v1alpha1.Trigger, events map[string]*v1alpha1.Event) (*unstructured.Unstructured, error) {
	if err := triggers.ApplyTemplateParameters(events, &trigger); err != nil {
		return nil, err
	}
	var client dynamic.Interface = fake.NewSimpleDynamicClientWithCustomListKinds(
		runtime.NewScheme(),
		map[schema.GroupVersionResource]string{
			{Group: "argoproj.io", Version: "v1alpha1", Resource: "workflows"}: "WorkflowList",
		},
	)
	own := standardk8s.NewStandardK8sTrigger(nil, client, of, &trigger, logging.FromContext(ctx))
	fetched, err := own.FetchResource(ctx)
	if err != nil {
		return nil, err
	}
	filled, err := own.ApplyResourceParameters(events, fetched)
	if err != nil {
		return nil, err
	}
	created, err := own.Execute(ctx, events, filled)
	if err != nil {
		return nil, err
	}
	object, ok := created.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("the trigger created %T", created)
	}
	return object, own.ApplyPolicy(ctx, object)
}

// -------------------------------------------------------------------------------------------------------------- main

func run() error {
	e := &engine{findings: []Finding{}}
	if err := json.NewDecoder(os.Stdin).Decode(&e.spec); err != nil {
		return err
	}
	// Argo Events prints to the output what goes wrong in a template.
	out := os.Stdout
	os.Stdout = os.Stderr
	for _, path := range e.spec.Files {
		if err := e.read(path); err != nil {
			return err
		}
	}
	answers, err := e.answers(logging.WithLogger(context.Background(), logging.NewArgoEventsLogger()))
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(map[string]any{"findings": e.findings, "answers": answers})
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
