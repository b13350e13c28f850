// Lets in who says who they are, counts their visits, and greets them on the way out.
//
// The gateway calls the four `exports_…` functions below. An instance serves one request at a time, and many requests one
// after the other: what belongs to a request goes into the context, what belongs to the configuration into variables.
//
// Who owns memory: what an import hands out is freed here; what an export hands out has to come from `malloc`, and is
// freed behind it by generated code.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/plugin.h"

// Generated names are whole; these are for reading.
typedef plugin_string_t text_t;   // UTF-8, by its length: there is no zero at the end
typedef plugin_list_u8_t bytes_t; // the value of a header: HTTP does not promise that it is text
typedef exports_gatewit_plugin_request_hook_outcome_t outcome_t;
typedef exports_gatewit_plugin_response_hook_outcome_t response_outcome_t;
typedef gatewit_plugin_types_plugin_error_t error_t;

// What the gateway checks a configuration against before `configure` gets to see it.
static const char schema[] =
    "{\"type\":\"object\","
    "\"properties\":{\"header\":{\"type\":\"string\"},\"greeting\":{\"type\":\"string\"}},"
    "\"required\":[\"header\"],\"additionalProperties\":false}";

// The configuration of this instance. `configure` comes before any hook, once.
static text_t header, greeting;

// A literal as a text: for what is only read.
static text_t literal(const char *text) {
  return (text_t){(uint8_t *)text, strlen(text)};
}

// A text of its own: for what is handed out, or kept. (`size_t` is 32 bits wide in WebAssembly.)
static text_t format(const char *form, ...) {
  va_list values;
  va_start(values, form);
  int length = vsnprintf(NULL, 0, form, values);
  va_end(values);
  char *text = malloc(length + 1);
  if (text == NULL) abort();
  va_start(values, form);
  vsnprintf(text, length + 1, form, values);
  va_end(values);
  return (text_t){(uint8_t *)text, length};
}

static bytes_t as_bytes(text_t text) {
  return (bytes_t){text.ptr, text.len};
}

// What `%.*s` takes.
#define SHOWN(text) (int)(text).len, (char *)(text).ptr

void exports_gatewit_plugin_lifecycle_describe(exports_gatewit_plugin_lifecycle_plugin_info_t *info) {
  info->name = format("doorman");
  info->version = format("0.1.0");
  info->config_schema.is_some = true;
  info->config_schema.val = format("%s", schema);
}

static bool is_header_name(text_t name) {
  for (size_t at = 0; at < name.len; at++) {
    uint8_t c = name.ptr[at];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return name.len > 0;
}

bool exports_gatewit_plugin_lifecycle_configure(exports_gatewit_plugin_lifecycle_binding_t *binding,
                                                exports_gatewit_plugin_lifecycle_list_config_problem_t *problems) {
  // The whole configuration as JSON; `gatewit_plugin_configuration_…` reads it value by value instead.
  exports_gatewit_plugin_lifecycle_binding_free(binding);

  text_t place = literal("/header");
  if (!gatewit_plugin_configuration_text(&place, &header)) header = literal("");
  if (!is_header_name(header)) {
    problems->ptr = malloc(sizeof *problems->ptr);
    if (problems->ptr == NULL) abort();
    problems->len = 1;
    // The pointer leads the gateway to the line of the configuration that is wrong.
    problems->ptr->pointer = format("/header");
    problems->ptr->message =
        format("`%.*s` is not the name of a header: small letters, digits and `-`, such as x-guest", SHOWN(header));
    return false;
  }

  place = literal("/greeting");
  if (!gatewit_plugin_configuration_text(&place, &greeting)) greeting = literal("welcome");
  return true;
}

// The request ends here, with a text.
static void respond(outcome_t *outcome, uint16_t status, text_t body, int fields) {
  outcome->tag = EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_OUTCOME_RESPOND;
  gatewit_plugin_types_local_response_t *response = &outcome->val.respond;
  response->status = status;
  response->body = as_bytes(body);
  response->headers.len = fields;
  response->headers.ptr = calloc(fields, sizeof *response->headers.ptr);
  if (response->headers.ptr == NULL) abort();
  response->headers.ptr[0].name = format("content-type");
  response->headers.ptr[0].value = as_bytes(format("text/plain; charset=utf-8"));
}

static void log_info(const char *message, const char *name, text_t value) {
  text_t said = literal(message);
  plugin_tuple2_string_string_t field = {literal(name), value};
  plugin_list_tuple2_string_string_t fields = {&field, 1};
  gatewit_plugin_log_emit(GATEWIT_PLUGIN_LOG_LEVEL_INFO, &said, &fields);
}

// Bytes for the log, which takes UTF-8 and nothing else (anything else is a trap): only ASCII is kept.
static text_t readable(bytes_t bytes) {
  text_t text = format("%.*s", SHOWN(bytes));
  for (size_t at = 0; at < text.len; at++)
    if (text.ptr[at] >= 0x80) text.ptr[at] = '?';
  return text;
}

// An edit that the gateway did not take: 500 for the client, and this for the log.
static bool refused(error_t *error, const char *what) {
  error->tag = GATEWIT_PLUGIN_TYPES_PLUGIN_ERROR_INTERNAL;
  error->val.internal = format("%s could not be set", what);
  return false;
}

static bool wants_beta(void) {
  text_t name = literal("x-beta");
  bytes_t value;
  if (!gatewit_plugin_request_header(&name, &value)) return false;
  bool yes = value.len == 3 && memcmp(value.ptr, "yes", 3) == 0;
  plugin_list_u8_free(&value);
  return yes;
}

// For a guest that has a name. True: this is the outcome; false: this is the error.
static bool receive(bytes_t guest, outcome_t *outcome, error_t *error) {
  // One atomic decision for all workers of the gateway, in the budget of `[budget.visits]`.
  text_t budget = literal("visits");
  gatewit_plugin_limits_verdict_t verdict;
  gatewit_plugin_limits_limits_error_t trouble;
  if (!gatewit_plugin_limits_take(&budget, &guest, 1, &verdict, &trouble)) {
    gatewit_plugin_limits_limits_error_free(&trouble);
    error->tag = GATEWIT_PLUGIN_TYPES_PLUGIN_ERROR_UNAVAILABLE;
    error->val.unavailable = format("the budget visits cannot be asked");
    return false;
  }
  if (!verdict.allowed) {
    uint64_t seconds = verdict.retry_after_ms / 1000 + (verdict.retry_after_ms % 1000 != 0);
    respond(outcome, 429, format("You were here often enough for now.\n"), 2);
    outcome->val.respond.headers.ptr[1].name = format("retry-after");
    outcome->val.respond.headers.ptr[1].value = as_bytes(format("%llu", seconds));
    return true;
  }

  gatewit_plugin_types_edit_error_t why;
  text_t name = literal("x-visits-left");
  text_t left = format("%llu", verdict.remaining);
  bytes_t value = as_bytes(left);
  bool edited = gatewit_plugin_request_set_header(&name, &value, &why);
  plugin_string_free(&left);
  if (!edited) return refused(error, "x-visits-left");
  // `on_response` runs in whatever instance is free then: the context is how it learns who this was.
  if (!gatewit_plugin_context_set_private(&guest, &why)) return refused(error, "the context");
  text_t shown = readable(guest);
  log_info("welcome", "guest", shown);
  plugin_string_free(&shown);

  outcome->tag = EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_OUTCOME_NEXT;
  if (wants_beta()) {
    outcome->tag = EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_OUTCOME_ROUTE;
    outcome->val.route = (exports_gatewit_plugin_request_hook_routing_t){
        .upstream = {.is_some = true, .val = format("beta")},
        .pick = {.tag = EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_PICK_POLICY},
    };
  }
  return true;
}

bool exports_gatewit_plugin_request_hook_on_request(outcome_t *outcome, error_t *error) {
  bytes_t guest;
  // Where an import says false, what it was to fill in means nothing.
  if (!gatewit_plugin_request_header(&header, &guest) || guest.len == 0) {
    text_t path;
    gatewit_plugin_request_path(&path);
    log_info("nobody said who they are", "path", path);
    plugin_string_free(&path);
    respond(outcome, 401, format("Say who you are in the header %.*s.\n", SHOWN(header)), 1);
    return true;
  }
  bool received = receive(guest, outcome, error);
  plugin_list_u8_free(&guest);
  return received;
}

bool exports_gatewit_plugin_response_hook_on_response(response_outcome_t *outcome, error_t *error) {
  outcome->tag = EXPORTS_GATEWIT_PLUGIN_RESPONSE_HOOK_OUTCOME_NEXT;
  bytes_t guest;
  gatewit_plugin_context_private(&guest);
  if (guest.len == 0) return true;

  text_t greeted = format("%.*s %.*s", SHOWN(greeting), SHOWN(guest));
  plugin_list_u8_free(&guest);
  text_t name = literal("x-greeting");
  bytes_t value = as_bytes(greeted);
  gatewit_plugin_types_edit_error_t why;
  bool edited = gatewit_plugin_response_set_header(&name, &value, &why);
  plugin_string_free(&greeted);
  return edited || refused(error, "x-greeting");
}
