// Package plugin lets in who says who they are, counts their visits, and greets them on the way out.
//
// The gateway calls the four functions that begin with a capital. An instance serves one request at a time, and many
// requests one after the other: what belongs to a request goes into the context, what belongs to the configuration into
// variables.
package plugin

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	wit "go.bytecodealliance.org/pkg/wit/types"

	context "wit_component/gatewit_plugin_context"
	lifecycle "wit_component/gatewit_plugin_lifecycle"
	limits "wit_component/gatewit_plugin_limits"
	log "wit_component/gatewit_plugin_log"
	request "wit_component/gatewit_plugin_request"
	hook "wit_component/gatewit_plugin_request_hook"
	response "wit_component/gatewit_plugin_response"
	responseHook "wit_component/gatewit_plugin_response_hook"
	types "wit_component/gatewit_plugin_types"
)

// What the gateway checks a configuration against before Configure gets to see it.
const schema = `{
	"type": "object",
	"properties": { "header": { "type": "string" }, "greeting": { "type": "string" } },
	"required": ["header"],
	"additionalProperties": false
}`

// The configuration of this instance. Configure comes before any hook, once.
var config = struct {
	Header   string `json:"header"`
	Greeting string `json:"greeting"`
}{Greeting: "welcome"}

// What a hook returns: its outcome or an error.
type (
	result         = wit.Result[hook.Outcome, types.PluginError]
	responseResult = wit.Result[responseHook.Outcome, types.PluginError]
)

// Describe is what the plugin says of itself.
func Describe() lifecycle.PluginInfo {
	return lifecycle.PluginInfo{Name: "doorman", Version: "0.1.0", ConfigSchema: wit.Some(schema)}
}

// Configure takes the configuration, or says what is wrong with it.
func Configure(binding lifecycle.Binding) wit.Result[wit.Unit, []lifecycle.ConfigProblem] {
	problem := func(pointer, message string) wit.Result[wit.Unit, []lifecycle.ConfigProblem] {
		return wit.Err[wit.Unit]([]lifecycle.ConfigProblem{{Pointer: pointer, Message: message}})
	}
	if err := json.Unmarshal([]byte(binding.Config), &config); err != nil {
		return problem("", err.Error())
	}
	if !isHeaderName(config.Header) {
		// The pointer leads the gateway to the line of the configuration that is wrong.
		return problem("/header", fmt.Sprintf(
			"`%s` is not the name of a header: small letters, digits and `-`, such as x-guest", config.Header))
	}
	return wit.Ok[wit.Unit, []lifecycle.ConfigProblem](wit.Unit{})
}

func isHeaderName(text string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-"
	return text != "" && strings.Trim(text, allowed) == ""
}

// OnRequest is called with each request.
func OnRequest() result {
	// A value is bytes: HTTP does not promise that it is text.
	guest := request.Header(config.Header).SomeOr(nil)
	if len(guest) == 0 {
		info("nobody said who they are", "path", request.Path())
		return respond(401, fmt.Sprintf("Say who you are in the header %s.\n", config.Header))
	}

	// One atomic decision for all workers of the gateway, in the budget of `[budget.visits]`.
	taken := limits.Take("visits", guest, 1)
	if taken.IsErr() {
		return failed(types.MakePluginErrorUnavailable("the budget visits cannot be asked"))
	}
	verdict := taken.Ok()
	if !verdict.Allowed {
		seconds := verdict.RetryAfterMs / 1000
		if verdict.RetryAfterMs%1000 != 0 {
			seconds++
		}
		return respond(429, "You were here often enough for now.\n", field("retry-after", decimal(seconds)))
	}

	if request.SetHeader("x-visits-left", []byte(decimal(verdict.Remaining))).IsErr() {
		return failed(refused("x-visits-left"))
	}
	// OnResponse runs in whatever instance is free then: the context is how it learns who this was.
	if context.SetPrivate(guest).IsErr() {
		return failed(refused("the context"))
	}
	// The log takes UTF-8 and nothing else (anything else is a trap).
	info("welcome", "guest", strings.ToValidUTF8(string(guest), "?"))

	if string(request.Header("x-beta").SomeOr(nil)) == "yes" {
		return ok(hook.MakeOutcomeRoute(hook.Routing{Upstream: wit.Some("beta"), Pick: hook.MakePickPolicy()}))
	}
	return ok(hook.MakeOutcomeNext())
}

// OnResponse is called with each response.
func OnResponse() responseResult {
	if guest := context.Private(); len(guest) > 0 {
		greeting := config.Greeting + " " + string(guest)
		if response.SetHeader("x-greeting", []byte(greeting)).IsErr() {
			return wit.Err[responseHook.Outcome](refused("x-greeting"))
		}
	}
	return wit.Ok[responseHook.Outcome, types.PluginError](responseHook.MakeOutcomeNext())
}

func ok(outcome hook.Outcome) result {
	return wit.Ok[hook.Outcome, types.PluginError](outcome)
}

func failed(err types.PluginError) result {
	return wit.Err[hook.Outcome](err)
}

// An edit that the gateway did not take: 500 for the client, and this for the log.
func refused(what string) types.PluginError {
	return types.MakePluginErrorInternal(what + " could not be set")
}

// The request ends here, with a text.
func respond(status uint16, body string, more ...types.Field) result {
	headers := append([]types.Field{field("content-type", "text/plain; charset=utf-8")}, more...)
	return ok(hook.MakeOutcomeRespond(types.LocalResponse{Status: status, Headers: headers, Body: []byte(body)}))
}

func field(name, value string) types.Field {
	return types.Field{Name: name, Value: []byte(value)}
}

func decimal(number uint64) string {
	return strconv.FormatUint(number, 10)
}

func info(message, name, value string) {
	log.Emit(log.LevelInfo, message, []wit.Tuple2[string, string]{{F0: name, F1: value}})
}
