//! Lets in who says who they are, counts their visits, and greets them on the way out.
//!
//! The gateway calls the four functions at the end. An instance serves one request at a time, and many requests one after
//! the other: what belongs to a request goes into the context, what belongs to the configuration into variables.
//!
//! Who owns memory: what an import hands out is freed here; what an export hands out has to come from `malloc`, and is
//! freed behind it by generated code. So everything here comes from `malloc`.

const std = @import("std");

/// The contract, as the bindings for C have it.
const c = @import("build/plugin.zig");

const allocator = std.heap.c_allocator;

/// A text, and the value of a header: HTTP does not promise that it is text.
const Text = c.plugin_string_t;
const Bytes = c.plugin_list_u8_t;

const Outcome = c.exports_gatewit_plugin_request_hook_outcome_t;
const ResponseOutcome = c.exports_gatewit_plugin_response_hook_outcome_t;
const PluginError = c.gatewit_plugin_types_plugin_error_t;

/// What can go wrong in a hook. The text is for the log, never for the client.
const Failure = error{ OutOfMemory, Budget, Visits, Context, Greeting };

fn describeFailure(failure: Failure) []const u8 {
    return switch (failure) {
        error.OutOfMemory => "there is no memory left",
        error.Budget => "the budget visits cannot be asked",
        error.Visits => "x-visits-left could not be set",
        error.Context => "the context could not be set",
        error.Greeting => "x-greeting could not be set",
    };
}

/// What the gateway checks a configuration against before `configure` gets to see it.
const schema =
    \\{"type":"object",
    \\ "properties":{"header":{"type":"string"},"greeting":{"type":"string"}},
    \\ "required":["header"],"additionalProperties":false}
;

/// The configuration of this instance. `configure` comes before any hook, once.
var header: []const u8 = "";
var greeting: []const u8 = "";

/// A text that is lent for a call.
fn lent(text: []const u8) Text {
    return .{ .ptr = @constCast(text.ptr), .len = text.len };
}

fn lentBytes(bytes: []const u8) Bytes {
    return .{ .ptr = @constCast(bytes.ptr), .len = bytes.len };
}

/// A text that is given away.
fn given(text: []const u8) Failure!Text {
    return lent(try allocator.dupe(u8, text));
}

fn givenBytes(bytes: []const u8) Failure!Bytes {
    return lentBytes(try allocator.dupe(u8, bytes));
}

/// What was handed out, a `Text` or `Bytes`: free it with `allocator`.
fn taken(memory: anytype) []const u8 {
    return if (memory.len == 0) "" else memory.ptr[0..memory.len];
}

fn textAt(pointer: []const u8) ?[]const u8 {
    var place = lent(pointer);
    var text: Text = undefined;
    return if (c.gatewit_plugin_configuration_text(&place, &text)) taken(text) else null;
}

fn requestHeader(name: []const u8) ?[]const u8 {
    var lent_name = lent(name);
    var value: Bytes = undefined;
    return if (c.gatewit_plugin_request_header(&lent_name, &value)) taken(value) else null;
}

fn logInfo(message: []const u8, name: []const u8, value: []const u8) void {
    var lent_message = lent(message);
    var field = c.plugin_tuple2_string_string_t{ .f0 = lent(name), .f1 = lent(value) };
    var fields = c.plugin_list_tuple2_string_string_t{ .ptr = &field, .len = 1 };
    c.gatewit_plugin_log_emit(c.GATEWIT_PLUGIN_LOG_LEVEL_INFO, &lent_message, &fields);
}

fn isHeaderName(name: []const u8) bool {
    for (name) |char| switch (char) {
        'a'...'z', '0'...'9', '-' => {},
        else => return false,
    };
    return name.len > 0;
}

fn onRequest() Failure!Outcome {
    const guest = requestHeader(header) orelse "";
    defer allocator.free(guest);
    if (guest.len == 0) {
        var path: Text = undefined;
        c.gatewit_plugin_request_path(&path);
        defer c.plugin_string_free(&path);
        logInfo("nobody said who they are", "path", taken(path));
        const body = try std.fmt.allocPrint(allocator, "Say who you are in the header {s}.\n", .{header});
        return respond(401, body, null);
    }

    // One atomic decision for all workers of the gateway, in the budget of `[budget.visits]`.
    var budget = lent("visits");
    var key = lentBytes(guest);
    var verdict: c.gatewit_plugin_limits_verdict_t = undefined;
    var trouble: c.gatewit_plugin_limits_limits_error_t = undefined;
    if (!c.gatewit_plugin_limits_take(&budget, &key, 1, &verdict, &trouble)) {
        c.gatewit_plugin_limits_limits_error_free(&trouble);
        return error.Budget;
    }
    if (!verdict.allowed) {
        const body = try allocator.dupe(u8, "You were here often enough for now.\n");
        const seconds = verdict.retry_after_ms / 1000 + @intFromBool(verdict.retry_after_ms % 1000 != 0);
        return respond(429, body, seconds);
    }

    var digits: [20]u8 = undefined;
    var name = lent("x-visits-left");
    var left = lentBytes(std.fmt.bufPrint(&digits, "{d}", .{verdict.remaining}) catch unreachable);
    var why: c.gatewit_plugin_types_edit_error_t = undefined;
    if (!c.gatewit_plugin_request_set_header(&name, &left, &why)) return error.Visits;
    // `onResponse` runs in whatever instance is free then: the context is how it learns who this was.
    if (!c.gatewit_plugin_context_set_private(&key, &why)) return error.Context;
    // The log takes UTF-8 and nothing else (anything else is a trap).
    const readable = try std.fmt.allocPrint(allocator, "{f}", .{std.unicode.fmtUtf8(guest)});
    defer allocator.free(readable);
    logInfo("welcome", "guest", readable);

    var outcome: Outcome = .{ .tag = c.EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_OUTCOME_NEXT };
    const beta = requestHeader("x-beta") orelse "";
    defer allocator.free(beta);
    if (std.mem.eql(u8, beta, "yes")) {
        outcome.tag = c.EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_OUTCOME_ROUTE;
        outcome.val = .{ .route = .{
            .upstream = .{ .is_some = true, .val = try given("beta") },
            .pick = .{ .tag = c.EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_PICK_POLICY },
        } };
    }
    return outcome;
}

/// The request ends here, with a text.
fn respond(status: u16, body: []const u8, retry_after: ?u64) Failure!Outcome {
    const count: usize = if (retry_after == null) 1 else 2;
    const headers = try allocator.alloc(c.gatewit_plugin_types_field_t, count);
    headers[0] = .{ .name = try given("content-type"), .value = try givenBytes("text/plain; charset=utf-8") };
    if (retry_after) |seconds| {
        const value = try std.fmt.allocPrint(allocator, "{d}", .{seconds});
        headers[1] = .{ .name = try given("retry-after"), .value = lentBytes(value) };
    }
    return .{
        .tag = c.EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_OUTCOME_RESPOND,
        .val = .{ .respond = .{
            .status = status,
            .headers = .{ .ptr = headers.ptr, .len = headers.len },
            .body = lentBytes(body),
        } },
    };
}

fn onResponse() Failure!void {
    var private: Bytes = undefined;
    c.gatewit_plugin_context_private(&private);
    defer c.plugin_list_u8_free(&private);
    const guest = taken(private);
    if (guest.len == 0) return;

    const said = try std.fmt.allocPrint(allocator, "{s} {s}", .{ greeting, guest });
    defer allocator.free(said);
    var name = lent("x-greeting");
    var value = lentBytes(said);
    var why: c.gatewit_plugin_types_edit_error_t = undefined;
    if (!c.gatewit_plugin_response_set_header(&name, &value, &why)) return error.Greeting;
}

fn describe() Failure!c.exports_gatewit_plugin_lifecycle_plugin_info_t {
    return .{
        .name = try given("doorman"),
        .version = try given("0.1.0"),
        .config_schema = .{ .is_some = true, .val = try given(schema) },
    };
}

fn refuse(name: []const u8) Failure!c.exports_gatewit_plugin_lifecycle_list_config_problem_t {
    const problems = try allocator.alloc(c.exports_gatewit_plugin_lifecycle_config_problem_t, 1);
    const message = "`{s}` is not the name of a header: small letters, digits and `-`, such as x-guest";
    problems[0] = .{
        // The pointer leads the gateway to the line of the configuration that is wrong.
        .pointer = try given("/header"),
        .message = lent(try std.fmt.allocPrint(allocator, message, .{name})),
    };
    return .{ .ptr = problems.ptr, .len = problems.len };
}

// What the gateway calls.

export fn exports_gatewit_plugin_lifecycle_describe(info: *c.exports_gatewit_plugin_lifecycle_plugin_info_t) void {
    info.* = describe() catch @trap();
}

export fn exports_gatewit_plugin_lifecycle_configure(
    binding: *c.exports_gatewit_plugin_lifecycle_binding_t,
    problems: *c.exports_gatewit_plugin_lifecycle_list_config_problem_t,
) bool {
    // The whole configuration as JSON; `textAt` reads it value by value instead.
    c.exports_gatewit_plugin_lifecycle_binding_free(binding);
    header = textAt("/header") orelse "";
    greeting = textAt("/greeting") orelse "welcome";
    if (isHeaderName(header)) return true;
    problems.* = refuse(header) catch @trap();
    return false;
}

export fn exports_gatewit_plugin_request_hook_on_request(outcome: *Outcome, failed: *PluginError) bool {
    outcome.* = onRequest() catch |failure| return fail(failure, failed);
    return true;
}

export fn exports_gatewit_plugin_response_hook_on_response(outcome: *ResponseOutcome, failed: *PluginError) bool {
    outcome.* = .{ .tag = c.EXPORTS_GATEWIT_PLUGIN_RESPONSE_HOOK_OUTCOME_NEXT };
    onResponse() catch |failure| return fail(failure, failed);
    return true;
}

fn fail(failure: Failure, failed: *PluginError) bool {
    const message = given(describeFailure(failure)) catch @trap();
    failed.* = switch (failure) {
        error.Budget => .{
            .tag = c.GATEWIT_PLUGIN_TYPES_PLUGIN_ERROR_UNAVAILABLE,
            .val = .{ .unavailable = message },
        },
        else => .{
            .tag = c.GATEWIT_PLUGIN_TYPES_PLUGIN_ERROR_INTERNAL,
            .val = .{ .internal = message },
        },
    };
    return false;
}
