package controller

// Argo's own controller, driven through workflows whose pods really run.
//
// .ci/tools copies argo-workflows' source, puts this file into workflow/controller and builds that package's test
// binary: the controller's parts are not exported, and its tests' helpers bring the fake clients. Nothing of Argo is
// changed. A pod is handed to the program that the specification names (tests/engines/pod.py), which does what a kubelet
// and argoexec do and answers with the pod's end.
//
// HEADRACE_ENGINE names the specification, a JSON file; the answer is written beside it as outcome.json.

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"
	apiv1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/yaml"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	fakewfclientset "github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned/fake"
	"github.com/argoproj/argo-workflows/v3/workflow/artifacts/git"
	"github.com/argoproj/argo-workflows/v3/workflow/common"
	"github.com/argoproj/argo-workflows/v3/workflow/templateresolution"
	wfutil "github.com/argoproj/argo-workflows/v3/workflow/util"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
)

const namespace = "default"

type specification struct {
	Templates []string                     `json:"templates"` // files of WorkflowTemplates, and of what else was compiled
	Workflow  json.RawMessage              `json:"workflow"`  // what is submitted
	Secrets   map[string]map[string]string `json:"secrets"`   // Kubernetes secrets by name and key
	State     string                       `json:"state"`     // config maps outlive a run: they are read from here and written back
	Runner    []string                     `json:"runner"`    // gets a folder with pod.json, answers with end.json
	Folder    string                       `json:"folder"`
	Seconds   int                          `json:"seconds"` // after these the run is given up
	AtOnce    int                          `json:"at_once"` // pods
	Approve   bool                         `json:"approve"` // go on from every suspend node; else a run that only waits is left
}

// end is how a pod ended, as its runner says it.
type end struct {
	Exits    map[string]int32  `json:"exits"` // by container, init containers too; one that isn't named did not end
	Reason   string            `json:"reason"`
	Message  string            `json:"message"`
	Messages map[string]string `json:"messages"` // by container
	Outputs  *wfv1.Outputs     `json:"outputs"`
	pod      *apiv1.Pod
}

type nodeSeen struct {
	Workflow string `json:"workflow"`
	Called   string `json:"called"` // the node that created this workflow, as WORKFLOW/NAME; empty for the first
	Name     string `json:"name"`
	Template string `json:"template"`
	Type     string `json:"type"`
	Phase    string `json:"phase"`
	Message  string `json:"message"`
}

type outcome struct {
	Phase   string     `json:"phase"`
	Message string     `json:"message"`
	Nodes   []nodeSeen `json:"nodes"`
	Pods    []string   `json:"pods"`
}

type engine struct {
	*testing.T
	spec     specification
	wfc      *WorkflowController
	ends     chan end
	started  map[string]bool
	running  map[string]*exec.Cmd
	ready    []*apiv1.Pod
	awaited  map[string]awaited // resource pods that wait for a workflow
	runs     []*wfv1.Workflow
	callers  map[string]string
	server   *httptest.Server
	pods     []string
	approved map[string]time.Time
}

type awaited struct {
	pod      *apiv1.Pod
	workflow string
	resource *wfv1.ResourceTemplate
	from     time.Time
}

func TestHeadraceEngine(t *testing.T) {
	path := os.Getenv("HEADRACE_ENGINE")
	if path == "" {
		t.Skip("HEADRACE_ENGINE names no specification")
	}
	e := &engine{
		T: t, ends: make(chan end, 1000), started: map[string]bool{}, running: map[string]*exec.Cmd{},
		awaited: map[string]awaited{}, callers: map[string]string{}, approved: map[string]time.Time{},
	}
	e.must(json.Unmarshal(e.read(path), &e.spec))
	ctx := context.Background()
	cancel, wfc := newController(append(e.templates(), defaultServiceAccount)...)
	defer cancel()
	e.wfc = wfc
	wfc.Config.Images = nil
	// The helper's recorder has room for 64 events and then waits for a reader; this one drops them.
	wfc.eventRecorderManager = &testEventRecorderManager{eventRecorder: &record.FakeRecorder{}}
	e.restore(ctx)
	e.serve()
	defer e.server.Close()
	e.submit(ctx, "", e.spec.Workflow)
	deadline := time.Now().Add(time.Duration(e.spec.Seconds) * time.Second)
	for !e.turn(ctx) {
		if e.onlyWaits() {
			break
		}
		if time.Now().After(deadline) {
			e.stop()
			e.Fatalf("not ended after %d s: %s", e.spec.Seconds, e.waiting())
		}
	}
	e.stop()
	e.keep(ctx)
	e.tell(filepath.Join(filepath.Dir(path), "outcome.json"))
}

func (e *engine) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func (e *engine) read(path string) []byte {
	data, err := os.ReadFile(path)
	e.must(err)
	return data
}

// templates are the WorkflowTemplates among the documents, read as the API server reads them: strictly.
func (e *engine) templates() []interface{} {
	var found []interface{}
	for _, path := range e.spec.Templates {
		for _, document := range strings.Split("\n"+string(e.read(path)), "\n---") {
			var head metav1.TypeMeta
			e.must(yaml.Unmarshal([]byte(document), &head))
			if head.Kind != "WorkflowTemplate" {
				continue
			}
			template := &wfv1.WorkflowTemplate{}
			e.must(yaml.UnmarshalStrict([]byte(document), template))
			template.Namespace = namespace
			found = append(found, runtime.Object(template))
		}
	}
	return found
}

// submit creates a workflow, as `argo submit` and the API server do it.
func (e *engine) submit(ctx context.Context, caller string, data []byte) *wfv1.Workflow {
	wf := &wfv1.Workflow{}
	var head metav1.TypeMeta
	e.must(yaml.Unmarshal(data, &head))
	if head.Kind == "CronWorkflow" {
		cron := &wfv1.CronWorkflow{}
		e.must(yaml.UnmarshalStrict(data, cron))
		wf = common.ConvertCronWorkflowToWorkflow(cron)
	} else {
		e.must(yaml.UnmarshalStrict(data, wf))
	}
	wf.Namespace = namespace
	if wf.Name == "" {
		wf.Name = fmt.Sprintf("%s%05d", wf.GenerateName, len(e.runs))
	}
	wf.UID = types.UID("uid-" + wf.Name)
	wf.CreationTimestamp = metav1.Now()
	created, err := e.wfc.wfclientset.ArgoprojV1alpha1().Workflows(namespace).Create(ctx, wf, metav1.CreateOptions{})
	e.must(err)
	e.runs = append(e.runs, created)
	e.callers[created.Name] = caller
	return created
}

// turn lets the controller look at every workflow once, starts what it wants, and waits for something to happen.
func (e *engine) turn(ctx context.Context) bool {
	done := true
	for i := 0; i < len(e.runs); i++ {
		if e.runs[i].Status.Fulfilled() {
			continue
		}
		woc := newWorkflowOperationCtx(e.runs[i], e.wfc)
		woc.operate(ctx)
		e.runs[i] = e.persisted(woc.wf)
		done = done && woc.wf.Status.Fulfilled()
		e.approve(e.runs[i])
	}
	if done {
		return true
	}
	e.start(ctx)
	e.launch()
	e.look(ctx)
	select {
	case ended := <-e.ends:
		e.finish(ctx, ended)
		for more := true; more; {
			select {
			case ended := <-e.ends:
				e.finish(ctx, ended)
			default:
				more = false
			}
		}
	case <-time.After(250 * time.Millisecond):
	}
	return false
}

// persisted is a workflow as the API server gives it back: among other things, times are whole seconds.
func (e *engine) persisted(wf *wfv1.Workflow) *wfv1.Workflow {
	data, err := json.Marshal(wf)
	e.must(err)
	read := &wfv1.Workflow{}
	e.must(json.Unmarshal(data, read))
	return read
}

// start hands the pods that the controller made to the runner.
func (e *engine) start(ctx context.Context) {
	pods, err := e.wfc.kubeclientset.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	e.must(err)
	for i := range pods.Items {
		pod := &pods.Items[i]
		if e.started[pod.Name] {
			continue
		}
		e.started[pod.Name] = true
		e.pods = append(e.pods, pod.Name)
		pod.Status.Phase = apiv1.PodRunning
		pod.CreationTimestamp = metav1.Now()
		e.update(ctx, pod)
		e.report(ctx, pod, nil, "false")
		template := e.template(ctx, pod)
		if template.Resource != nil {
			e.create(ctx, pod, template.Resource)
			continue
		}
		e.run(ctx, pod, template)
	}
}

func (e *engine) update(ctx context.Context, pod *apiv1.Pod) {
	updated, err := e.wfc.kubeclientset.CoreV1().Pods(namespace).Update(ctx, pod, metav1.UpdateOptions{})
	e.must(err)
	e.must(e.wfc.PodController.TestingPodInformer().GetStore().Update(updated))
}

// template is what argoexec is told of the pod, from the variable or from the config map that holds it where it is long.
func (e *engine) template(ctx context.Context, pod *apiv1.Pod) *wfv1.Template {
	text := ""
	for _, container := range append(append([]apiv1.Container{}, pod.Spec.InitContainers...), pod.Spec.Containers...) {
		for _, one := range container.Env {
			if one.Name == common.EnvVarTemplate && text == "" {
				text = one.Value
			}
		}
	}
	if text == common.EnvVarTemplateOffloaded {
		held, err := e.wfc.kubeclientset.CoreV1().ConfigMaps(namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		e.must(err)
		text = held.Data[common.EnvVarTemplate]
	}
	template := &wfv1.Template{}
	e.must(json.Unmarshal([]byte(text), template))
	return template
}

func (e *engine) run(_ context.Context, pod *apiv1.Pod, template *wfv1.Template) {
	folder := filepath.Join(e.spec.Folder, pod.Name)
	e.must(os.MkdirAll(folder, 0o755))
	for i, artifact := range template.Inputs.Artifacts {
		if artifact.Git == nil {
			continue
		}
		driver := git.ArtifactDriver{InsecureIgnoreHostKey: true}
		if err := driver.Load(&template.Inputs.Artifacts[i], filepath.Join(folder, "git-"+artifact.Name)); err != nil {
			exits, messages := map[string]int32{"init": 1}, map[string]string{"init": err.Error()}
			e.ends <- end{Exits: exits, Messages: messages, pod: pod}
			return
		}
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.server.Certificate().Raw})
	data, err := json.Marshal(map[string]interface{}{
		"pod": pod, "template": template, "secrets": e.spec.Secrets, "server": e.server.Listener.Addr().String(),
		"authority": string(authority),
	})
	e.must(err)
	e.must(os.WriteFile(filepath.Join(folder, "pod.json"), data, 0o644))
	e.ready = append(e.ready, pod)
}

// launch runs pods, some at once: a node has so much room.
func (e *engine) launch() {
	for len(e.ready) > 0 && len(e.running) < e.spec.AtOnce {
		pod := e.ready[0]
		e.ready = e.ready[1:]
		e.execute(pod, filepath.Join(e.spec.Folder, pod.Name))
	}
}

func (e *engine) execute(pod *apiv1.Pod, folder string) {
	command := exec.Command(e.spec.Runner[0], append(append([]string{}, e.spec.Runner[1:]...), folder)...)
	log, err := os.Create(filepath.Join(folder, "runner.log"))
	e.must(err)
	command.Stdout, command.Stderr = log, log
	e.must(command.Start())
	e.running[pod.Name] = command
	go func() {
		broken := command.Wait()
		log.Close()
		ended := end{}
		data, err := os.ReadFile(filepath.Join(folder, "end.json"))
		if err == nil {
			err = json.Unmarshal(data, &ended)
		}
		if err != nil {
			ended = end{Reason: "RunnerBroke", Message: fmt.Sprintf("the runner of pods broke: %v, %v", broken, err)}
		}
		ended.pod = pod
		e.ends <- ended
	}()
}

// finish tells the controller how a pod ended: the status is the kubelet's part, the result argoexec's.
func (e *engine) finish(ctx context.Context, ended end) {
	delete(e.running, ended.pod.Name)
	pod, err := e.wfc.kubeclientset.CoreV1().Pods(namespace).Get(ctx, ended.pod.Name, metav1.GetOptions{})
	if err != nil { // the controller deleted it
		return
	}
	phase := apiv1.PodSucceeded
	if ended.Reason != "" {
		phase = apiv1.PodFailed
	}
	status := func(containers []apiv1.Container) []apiv1.ContainerStatus {
		var made []apiv1.ContainerStatus
		for _, container := range containers {
			one := apiv1.ContainerStatus{Name: container.Name}
			if code, ok := ended.Exits[container.Name]; ok {
				reason := "Completed"
				if code != 0 {
					reason, phase = "Error", apiv1.PodFailed
				}
				one.State.Terminated = &apiv1.ContainerStateTerminated{
					ExitCode: code, Reason: reason, Message: ended.Messages[container.Name], FinishedAt: metav1.Now(),
				}
			}
			made = append(made, one)
		}
		return made
	}
	pod.Status.InitContainerStatuses = status(pod.Spec.InitContainers)
	pod.Status.ContainerStatuses = status(pod.Spec.Containers)
	pod.Status.Phase, pod.Status.Reason, pod.Status.Message = phase, ended.Reason, ended.Message
	e.report(ctx, pod, ended.Outputs, "true")
	e.update(ctx, pod)
}

// report writes the pod's result as argoexec does: once when it begins, once with what came of it.
func (e *engine) report(ctx context.Context, pod *apiv1.Pod, outputs *wfv1.Outputs, completed string) {
	result := &wfv1.WorkflowTaskResult{ObjectMeta: metav1.ObjectMeta{
		Name:      pod.Annotations[common.AnnotationKeyNodeID],
		Namespace: namespace,
		Labels: map[string]string{
			common.LabelKeyWorkflow:               pod.Labels[common.LabelKeyWorkflow],
			common.LabelKeyReportOutputsCompleted: completed,
		},
	}}
	result.NodeResult.Outputs = outputs
	client := e.wfc.wfclientset.ArgoprojV1alpha1().WorkflowTaskResults(namespace)
	_, err := client.Update(ctx, result, metav1.UpdateOptions{})
	if err != nil {
		_, err = client.Create(ctx, result, metav1.CreateOptions{})
	}
	e.must(err)
	// The store is filled at once: what the informer's watch brings later is the same.
	e.must(e.wfc.taskResultInformer.GetStore().Update(result))
}

// create does what argoexec does for a resource template, for workflows alone.
func (e *engine) create(ctx context.Context, pod *apiv1.Pod, resource *wfv1.ResourceTemplate) {
	fail := func(message string) {
		e.ends <- end{Exits: map[string]int32{"main": 64}, Messages: map[string]string{"main": message}, pod: pod}
	}
	var head metav1.TypeMeta
	if err := yaml.Unmarshal([]byte(resource.Manifest), &head); err != nil || head.Kind != "Workflow" || resource.Action != "create" {
		fail(fmt.Sprintf("%s of %q is not done here: %v", resource.Action, head.Kind, err))
		return
	}
	made := e.submit(ctx, pod.Labels[common.LabelKeyWorkflow]+"/"+pod.Annotations[common.AnnotationKeyNodeID], []byte(resource.Manifest))
	e.awaited[pod.Name] = awaited{pod: pod, workflow: made.Name, resource: resource, from: time.Now()}
}

type document struct{ data []byte }

func (d document) Has(path string) bool   { return gjson.GetBytes(d.data, path).Exists() }
func (d document) Get(path string) string { return gjson.GetBytes(d.data, path).String() }
func (d document) Lookup(path string) (string, bool) {
	return d.Get(path), d.Has(path)
}

// look ends the pods whose created workflow meets a condition (workflow/executor/resource.go: matchConditions), and those
// whose time is over.
func (e *engine) look(ctx context.Context) {
	for name, one := range e.awaited {
		limit := one.pod.Spec.ActiveDeadlineSeconds
		if limit != nil && time.Since(one.from) > time.Duration(*limit)*time.Second {
			delete(e.awaited, name)
			e.ends <- end{Reason: "DeadlineExceeded", Message: "Pod was active on the node longer than the specified deadline", pod: one.pod}
			continue
		}
		for _, wf := range e.runs {
			if wf.Name != one.workflow {
				continue
			}
			data, err := json.Marshal(wf)
			e.must(err)
			failure := e.meets(one.resource.FailureCondition, data, false)
			if failure || e.meets(one.resource.SuccessCondition, data, true) {
				delete(e.awaited, name)
				code := int32(0)
				if failure {
					code = 1
				}
				e.ends <- end{Exits: map[string]int32{"main": code}, pod: one.pod}
			}
		}
	}
}

func (e *engine) meets(condition string, data []byte, all bool) bool {
	if condition == "" {
		return all
	}
	selector, err := labels.Parse(condition)
	e.must(err)
	requirements, _ := selector.Requirements()
	met := 0
	for _, one := range requirements {
		if one.Matches(document{data}) {
			met++
		}
	}
	return met == len(requirements) && all || met > 0 && !all
}

// onlyWaits tells a run that nobody approves: a node is suspended, and nothing else has run for a while.
func (e *engine) onlyWaits() bool {
	if e.spec.Approve || len(e.running) > 0 || len(e.approved) == 0 {
		return false
	}
	for _, first := range e.approved {
		if time.Since(first) < 4*time.Second {
			return false
		}
	}
	return true
}

// approve resumes suspended nodes, as `argo resume` does, a moment after they were reached.
func (e *engine) approve(wf *wfv1.Workflow) {
	for id, node := range wf.Status.Nodes {
		if !node.IsActiveSuspendNode() {
			continue
		}
		first, seen := e.approved[id]
		if !seen {
			e.approved[id] = time.Now()
		} else if e.spec.Approve && time.Since(first) > time.Second {
			node.Phase = wfv1.NodeSucceeded
			node.FinishedAt = metav1.Time{Time: time.Now().UTC()}
			wf.Status.Nodes.Set(id, node)
		}
	}
}

// serve is as much of the API server as compiled pods speak to: listing workflows by label, and patching them.
func (e *engine) serve() {
	e.server = httptest.NewTLSServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		base := "/apis/argoproj.io/v1alpha1/namespaces/" + namespace + "/workflows"
		client := e.wfc.wfclientset.ArgoprojV1alpha1().Workflows(namespace)
		var found interface{}
		var err error
		switch {
		case request.Header.Get("Authorization") != "Bearer token":
			http.Error(answer, "{}", http.StatusUnauthorized)
			return
		case request.Method == http.MethodGet && request.URL.Path == base:
			found, err = client.List(request.Context(), metav1.ListOptions{LabelSelector: request.URL.Query().Get("labelSelector")})
		default:
			http.Error(answer, "{}", http.StatusNotFound)
			return
		}
		if err != nil {
			http.Error(answer, err.Error(), http.StatusInternalServerError)
			return
		}
		answer.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(answer).Encode(found)
	}))
}

func (e *engine) restore(ctx context.Context) {
	data, err := os.ReadFile(e.spec.State)
	if err != nil {
		return
	}
	var held []apiv1.ConfigMap
	e.must(json.Unmarshal(data, &held))
	for i := range held {
		_, err := e.wfc.kubeclientset.CoreV1().ConfigMaps(namespace).Create(ctx, &held[i], metav1.CreateOptions{})
		e.must(err)
	}
}

// keep writes down the config maps that outlive their run: those that no workflow owns.
func (e *engine) keep(ctx context.Context) {
	listed, err := e.wfc.kubeclientset.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{})
	e.must(err)
	held := []apiv1.ConfigMap{}
	for _, one := range listed.Items {
		if len(one.OwnerReferences) == 0 {
			held = append(held, one)
		}
	}
	data, err := json.Marshal(held)
	e.must(err)
	e.must(os.WriteFile(e.spec.State, data, 0o644))
}

func (e *engine) stop() {
	for _, command := range e.running {
		_ = command.Process.Kill()
	}
}

func (e *engine) waiting() string {
	var found []string
	for _, wf := range e.runs {
		for _, node := range wf.Status.Nodes {
			if !node.Fulfilled() {
				found = append(found, fmt.Sprintf("%s %s %s", node.Name, node.Phase, node.Message))
			}
		}
	}
	sort.Strings(found)
	return strings.Join(found, "; ")
}

func (e *engine) tell(path string) {
	said := outcome{Phase: string(e.runs[0].Status.Phase), Message: e.runs[0].Status.Message, Pods: e.pods}
	for _, wf := range e.runs {
		var ids []string
		for id := range wf.Status.Nodes {
			ids = append(ids, id)
		}
		sort.Strings(ids)
		for _, id := range ids {
			node := wf.Status.Nodes[id]
			called := ""
			if caller := e.callers[wf.Name]; caller != "" {
				owner, nodeID, _ := strings.Cut(caller, "/")
				for _, other := range e.runs {
					if other.Name == owner {
						called = owner + "/" + other.Status.Nodes[nodeID].DisplayName
					}
				}
			}
			said.Nodes = append(said.Nodes, nodeSeen{
				Workflow: wf.Name, Called: called, Name: node.DisplayName, Template: wfutil.GetTemplateFromNode(node),
				Type: string(node.Type), Phase: string(node.Phase), Message: node.Message,
			})
		}
	}
	data, err := json.Marshal(said)
	e.must(err)
	e.must(os.WriteFile(path, data, 0o644))
}

// TestHeadraceValidate does what `argo lint --offline` does: HEADRACE_VALIDATE names a JSON list of files, and what is
// wrong with them is written beside it as findings.json.
func TestHeadraceValidate(t *testing.T) {
	path := os.Getenv("HEADRACE_VALIDATE")
	if path == "" {
		t.Skip("HEADRACE_VALIDATE names no list")
	}
	e := &engine{T: t}
	var files []string
	e.must(json.Unmarshal(e.read(path), &files))
	findings := []map[string]string{}
	say := func(file, name string, err error) {
		if err != nil {
			findings = append(findings, map[string]string{"file": file, "name": name, "message": err.Error()})
		}
	}
	parsed := map[string][]common.ParseResult{}
	var known []runtime.Object
	for _, file := range files {
		parsed[file] = common.ParseObjects(e.read(file), true)
		for _, one := range parsed[file] {
			if template, ok := one.Object.(*wfv1.WorkflowTemplate); ok && one.Err == nil {
				template.Namespace = namespace
				known = append(known, template)
			}
		}
	}
	client := fakewfclientset.NewSimpleClientset(known...).ArgoprojV1alpha1()
	templates := templateresolution.WrapWorkflowTemplateInterface(client.WorkflowTemplates(namespace))
	clusters := templateresolution.WrapClusterWorkflowTemplateInterface(client.ClusterWorkflowTemplates())
	lint := validate.ValidateOpts{Lint: true}
	for _, file := range files {
		for _, one := range parsed[file] {
			say(file, "", one.Err)
			switch object := one.Object.(type) {
			case *wfv1.Workflow:
				say(file, object.Name, validate.ValidateWorkflow(templates, clusters, object, nil, lint))
			case *wfv1.WorkflowTemplate:
				say(file, object.Name, validate.ValidateWorkflowTemplate(templates, clusters, object, nil, lint))
			case *wfv1.CronWorkflow:
				say(file, object.Name, validate.ValidateCronWorkflow(context.Background(), templates, clusters, object, nil))
			}
		}
	}
	data, err := json.Marshal(findings)
	e.must(err)
	e.must(os.WriteFile(filepath.Join(filepath.Dir(path), "findings.json"), data, 0o644))
}
