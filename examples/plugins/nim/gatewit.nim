## The gateway's interfaces with the types of Nim: as much of them as this plugin needs, over the bindings for C that
## `gatewit plugin bindgen --lang c` writes. Add what you miss; names and fields stand in `build/plugin.h`.
##
## Who owns memory: what an import hands out is copied into a `string` and freed at once; what an export hands out comes
## from `given`, and is freed behind it by generated code.

const bindings = "build/plugin.h"

# What generated code calls by other names. Fields are those of C: some lie inside of another, or of a union.
type
  Text {.importc: "plugin_string_t", header: bindings.} = object
    data {.importc: "ptr".}: pointer
    len: csize_t
  Bytes {.importc: "plugin_list_u8_t", header: bindings.} = object
    data {.importc: "ptr".}: pointer
    len: csize_t
  OptionalText {.importc: "plugin_option_string_t", header: bindings.} = object
    isSome {.importc: "is_some".}: bool
    val: Text
  Field {.importc: "gatewit_plugin_types_field_t", header: bindings.} = object
    name: Text
    value: Bytes
  LogField {.importc: "plugin_tuple2_string_string_t", header: bindings.} = object
    name {.importc: "f0".}: Text
    value {.importc: "f1".}: Text
  LogFields {.importc: "plugin_list_tuple2_string_string_t", header: bindings.} = object
    data {.importc: "ptr".}: ptr LogField
    len: csize_t
  EditError {.importc: "gatewit_plugin_types_edit_error_t", header: bindings.} = uint8
  LimitsError {.importc: "gatewit_plugin_limits_limits_error_t", header: bindings.} = object
  Problem {.importc: "exports_gatewit_plugin_lifecycle_config_problem_t", header: bindings.} = object
    place {.importc: "pointer".}: Text
    message: Text

  Binding* {.importc: "exports_gatewit_plugin_lifecycle_binding_t", header: bindings.} = object
  Problems* {.importc: "exports_gatewit_plugin_lifecycle_list_config_problem_t", header: bindings.} = object
    data {.importc: "ptr".}: ptr Problem
    len: csize_t
  PluginInfo* {.importc: "exports_gatewit_plugin_lifecycle_plugin_info_t", header: bindings.} = object
    name, version: Text
    schema {.importc: "config_schema".}: OptionalText
  Verdict* {.importc: "gatewit_plugin_limits_verdict_t", header: bindings.} = object
    allowed*: bool
    remaining*: uint64
    retryAfterMs* {.importc: "retry_after_ms".}: uint64
  Outcome* {.importc: "exports_gatewit_plugin_request_hook_outcome_t", header: bindings.} = object
    tag: uint8
    upstream {.importc: "val.route.upstream".}: OptionalText
    pick {.importc: "val.route.pick.tag".}: uint8
    status {.importc: "val.respond.status".}: uint16
    headers {.importc: "val.respond.headers.ptr".}: ptr UncheckedArray[Field]
    headerCount {.importc: "val.respond.headers.len".}: csize_t
    body {.importc: "val.respond.body".}: Bytes
  ResponseOutcome* {.importc: "exports_gatewit_plugin_response_hook_outcome_t", header: bindings.} = object
    tag*: uint8
  PluginError* {.importc: "gatewit_plugin_types_plugin_error_t", header: bindings.} = object
    tag: uint8
    message {.importc: "val.internal".}: Text

  ## The gateway did not take an edit.
  Refused* = object of CatchableError
  ## Something that the plugin needs is not there.
  Unavailable* = object of CatchableError

# Nim's own start, before anything is called.
{.emit: "extern void NimMain(void);\n__attribute__((constructor)) static void start(void) { NimMain(); }\n".}

proc malloc(size: csize_t): pointer {.importc, header: "<stdlib.h>".}
proc release(memory: pointer) {.importc: "free", header: "<stdlib.h>".}

# Memory that is given away.

proc allocated(size: int): pointer =
  result = malloc(csize_t(size))
  if result == nil:
    quit(1) # a trap

proc copied(text: string): pointer =
  if text.len > 0:
    result = allocated(text.len)
    copyMem(result, unsafeAddr text[0], text.len)

proc given(text: string): Text = Text(data: copied(text), len: csize_t(text.len))
proc givenBytes(text: string): Bytes = Bytes(data: copied(text), len: csize_t(text.len))

# Memory that is lent for a call, and taken from one.

proc address(text: string): pointer = (if text.len > 0: unsafeAddr text[0] else: nil)
proc lent(text: string): Text = Text(data: address(text), len: csize_t(text.len))
proc lentBytes(text: string): Bytes = Bytes(data: address(text), len: csize_t(text.len))

proc taken(memory: Text | Bytes): string =
  result = newString(int(memory.len))
  if result.len > 0:
    copyMem(addr result[0], memory.data, result.len)
    release(memory.data)

# What the gateway offers.

proc configurationText(place: var Text, value: var Text): bool
  {.importc: "gatewit_plugin_configuration_text", header: bindings.}
proc path(value: var Text) {.importc: "gatewit_plugin_request_path", header: bindings.}
proc header(name: var Text, value: var Bytes): bool {.importc: "gatewit_plugin_request_header", header: bindings.}
proc setHeader(name: var Text, value: var Bytes, why: var EditError): bool
  {.importc: "gatewit_plugin_request_set_header", header: bindings.}
proc setHeaderBack(name: var Text, value: var Bytes, why: var EditError): bool
  {.importc: "gatewit_plugin_response_set_header", header: bindings.}
proc private(state: var Bytes) {.importc: "gatewit_plugin_context_private", header: bindings.}
proc setState(state: var Bytes, why: var EditError): bool
  {.importc: "gatewit_plugin_context_set_private", header: bindings.}
proc takeOut(budget: var Text, key: var Bytes, cost: uint32, verdict: var Verdict, why: var LimitsError): bool
  {.importc: "gatewit_plugin_limits_take", header: bindings.}
proc free(why: var LimitsError) {.importc: "gatewit_plugin_limits_limits_error_free", header: bindings.}
proc emit(level: uint8, message: var Text, fields: var LogFields)
  {.importc: "gatewit_plugin_log_emit", header: bindings.}
proc free*(binding: var Binding) {.importc: "exports_gatewit_plugin_lifecycle_binding_free", header: bindings.}

proc textAt*(pointer, default: string): string =
  var place = lent(pointer)
  var value: Text
  if configurationText(place, value): taken(value) else: default

proc requestPath*(): string =
  var value: Text
  path(value)
  taken(value)

## Empty where there is none.
proc requestHeader*(name: string): string =
  var name = lent(name)
  var value: Bytes
  if header(name, value): taken(value) else: ""

proc setRequestHeader*(name, value: string) =
  var (lentName, lentValue, why) = (lent(name), lentBytes(value), EditError(0))
  if not setHeader(lentName, lentValue, why):
    raise newException(Refused, name & " could not be set")

proc setResponseHeader*(name, value: string) =
  var (lentName, lentValue, why) = (lent(name), lentBytes(value), EditError(0))
  if not setHeaderBack(lentName, lentValue, why):
    raise newException(Refused, name & " could not be set")

proc getPrivate*(): string =
  var state: Bytes
  private(state)
  taken(state)

proc setPrivate*(state: string) =
  var (lentState, why) = (lentBytes(state), EditError(0))
  if not setState(lentState, why):
    raise newException(Refused, "the context could not be set")

proc take*(budget, key: string, cost: uint32): Verdict =
  var (lentBudget, lentKey) = (lent(budget), lentBytes(key))
  var why: LimitsError
  if not takeOut(lentBudget, lentKey, cost, result, why):
    free(why)
    raise newException(Unavailable, "the budget " & budget & " cannot be asked")

proc logInfo*(message, name, value: string) =
  var lentMessage = lent(message)
  var field = LogField(name: lent(name), value: lent(value))
  var fields = LogFields(data: addr field, len: 1)
  emit(2, lentMessage, fields)

# What a plugin says.

proc pluginInfo*(name, version, schema: string): PluginInfo =
  PluginInfo(name: given(name), version: given(version), schema: OptionalText(isSome: true, val: given(schema)))

proc problem*(pointer, message: string): Problems =
  result.data = cast[ptr Problem](allocated(sizeof(Problem)))
  result.data[] = Problem(place: given(pointer), message: given(message))
  result.len = 1

proc next*(): Outcome = Outcome(tag: 0)

proc routeTo*(upstream: string): Outcome =
  Outcome(tag: 1, upstream: OptionalText(isSome: true, val: given(upstream)))

## The request ends here, with a text.
proc respond*(status: uint16, body: string, headers: varargs[(string, string)]): Outcome =
  result.tag = 2
  result.status = status
  result.body = givenBytes(body)
  result.headerCount = csize_t(headers.len + 1)
  result.headers = cast[ptr UncheckedArray[Field]](allocated((headers.len + 1) * sizeof(Field)))
  result.headers[0] = Field(name: given("content-type"), value: givenBytes("text/plain; charset=utf-8"))
  for at, (name, value) in headers:
    result.headers[at + 1] = Field(name: given(name), value: givenBytes(value))

## True when all went well; what was raised becomes an error of the plugin, and its message a line of the log.
template caught*(error: var PluginError, work: untyped): bool =
  try:
    work
    true
  except Unavailable as raised:
    error = failure(1, raised.msg)
    false
  except CatchableError as raised:
    error = failure(2, raised.msg)
    false

proc failure*(tag: uint8, message: string): PluginError =
  result.tag = tag
  result.message = given(message)
