// Lets in who says who they are, counts their visits, and greets them on the way out.
//
// The gateway calls the four `exports_…` functions at the end. An instance serves one request at a time, and many
// requests one after the other: what belongs to a request goes into the context, what belongs to the configuration
// into variables.

#include <optional>
#include <string>
#include <string_view>

#include "gatewit.hpp"

using namespace std::literals;

namespace {

// What the gateway checks a configuration against before `configure` gets to see it.
constexpr auto schema = R"({
  "type": "object",
  "properties": { "header": { "type": "string" }, "greeting": { "type": "string" } },
  "required": ["header"],
  "additionalProperties": false
})"sv;

// The configuration of this instance. `configure` comes before any hook, once.
struct {
  std::string header, greeting;
} config;

bool is_header_name(std::string_view name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"sv) == name.npos;
}

std::string describe_refusal(std::string_view header) {
  return "`" + std::string(header) + "` is not the name of a header: small letters, digits and `-`, such as x-guest";
}

gatewit::Outcome on_request() {
  // A value is bytes: HTTP does not promise that it is text.
  const auto guest = gatewit::request_header(config.header).value_or("");
  if (guest.empty()) {
    gatewit::log_info("nobody said who they are", "path", gatewit::request_path());
    return gatewit::Response{401, "Say who you are in the header " + config.header + ".\n"};
  }

  // One atomic decision for all workers of the gateway, in the budget of `[budget.visits]`.
  const auto verdict = gatewit::take("visits", guest, 1);
  if (!verdict) return gatewit::Error::unavailable("the budget visits cannot be asked");
  if (!verdict->allowed) {
    const auto seconds = verdict->retry_after_ms / 1000 + (verdict->retry_after_ms % 1000 != 0);
    return gatewit::Response{429, "You were here often enough for now.\n", {{"retry-after", std::to_string(seconds)}}};
  }

  if (!gatewit::set_request_header("x-visits-left", std::to_string(verdict->remaining)))
    return gatewit::Error::internal("x-visits-left could not be set");
  // `on_response` runs in whatever instance is free then: the context is how it learns who this was.
  if (!gatewit::set_private(guest)) return gatewit::Error::internal("the context could not be set");
  gatewit::log_info("welcome", "guest", gatewit::readable(guest));

  if (gatewit::request_header("x-beta") == "yes") return gatewit::Route{"beta"};
  return gatewit::Next{};
}

// Nothing, or what went wrong.
std::optional<gatewit::Error> on_response() {
  const auto guest = gatewit::get_private();
  if (guest.empty()) return {};
  if (!gatewit::set_response_header("x-greeting", config.greeting + " " + guest))
    return gatewit::Error::internal("x-greeting could not be set");
  return {};
}

}  // namespace

// What the gateway calls: a few lines each, which turn C into C++ and back.

void exports_gatewit_plugin_lifecycle_describe(exports_gatewit_plugin_lifecycle_plugin_info_t *info) {
  info->name = gatewit::given("doorman");
  info->version = gatewit::given("0.1.0");
  info->config_schema = {true, gatewit::given(schema)};
}

bool exports_gatewit_plugin_lifecycle_configure(exports_gatewit_plugin_lifecycle_binding_t *binding,
                                                exports_gatewit_plugin_lifecycle_list_config_problem_t *problems) {
  // The whole configuration as JSON; `gatewit::text_at` reads it value by value instead.
  exports_gatewit_plugin_lifecycle_binding_free(binding);
  config.header = gatewit::text_at("/header").value_or("");
  config.greeting = gatewit::text_at("/greeting").value_or("welcome");
  if (is_header_name(config.header)) return true;
  // The pointer leads the gateway to the line of the configuration that is wrong.
  *problems = gatewit::problem("/header", describe_refusal(config.header));
  return false;
}

bool exports_gatewit_plugin_request_hook_on_request(exports_gatewit_plugin_request_hook_outcome_t *outcome,
                                                    exports_gatewit_plugin_request_hook_plugin_error_t *error) {
  return gatewit::give(on_request(), *outcome, *error);
}

bool exports_gatewit_plugin_response_hook_on_response(exports_gatewit_plugin_response_hook_outcome_t *outcome,
                                                      exports_gatewit_plugin_response_hook_plugin_error_t *error) {
  outcome->tag = EXPORTS_GATEWIT_PLUGIN_RESPONSE_HOOK_OUTCOME_NEXT;
  const auto failed = on_response();
  if (failed) *error = failed->given();
  return !failed;
}
