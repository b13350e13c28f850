// The gateway's interfaces with the types of C++: as much of them as this plugin needs, over the bindings for C that
// `gatewit plugin bindgen --lang c` writes. Add the function that you miss; each is a few lines.
//
// Who owns memory: what an import hands out is copied into a `std::string` and freed at once; what an export hands out
// comes from `given`, and is freed behind it by generated code.

#pragma once

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "build/plugin.h"

namespace gatewit {

// Memory that is given away.

template <typename T>
T *allocated(std::size_t count) {
  auto *memory = static_cast<T *>(std::calloc(count, sizeof(T)));
  if (memory == nullptr) std::abort();
  return memory;
}

inline plugin_string_t given(std::string_view text) {
  if (text.empty()) return {nullptr, 0};
  auto *copy = allocated<std::uint8_t>(text.size());
  std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

inline plugin_list_u8_t given_bytes(std::string_view bytes) {
  const auto copy = given(bytes);
  return {copy.ptr, copy.len};
}

inline exports_gatewit_plugin_lifecycle_list_config_problem_t problem(std::string_view pointer,
                                                                      std::string_view message) {
  auto *one = allocated<exports_gatewit_plugin_lifecycle_config_problem_t>(1);
  *one = {given(pointer), given(message)};
  return {one, 1};
}

// Memory that is lent for a call, and taken from one.

inline plugin_string_t lent(std::string_view text) {
  return {reinterpret_cast<std::uint8_t *>(const_cast<char *>(text.data())), text.size()};
}

inline plugin_list_u8_t lent_bytes(std::string_view bytes) {
  const auto text = lent(bytes);
  return {text.ptr, text.len};
}

// A `plugin_string_t` or a `plugin_list_u8_t`.
template <typename T>
std::string taken(const T &memory) {
  std::string text(reinterpret_cast<const char *>(memory.ptr), memory.len);
  std::free(memory.len > 0 ? memory.ptr : nullptr);
  return text;
}

// What the gateway offers.

inline std::optional<std::string> text_at(std::string_view pointer) {
  auto place = lent(pointer);
  plugin_string_t text;
  if (!gatewit_plugin_configuration_text(&place, &text)) return {};
  return taken(text);
}

inline std::string request_path() {
  plugin_string_t path;
  gatewit_plugin_request_path(&path);
  return taken(path);
}

inline std::optional<std::string> request_header(std::string_view name) {
  auto lent_name = lent(name);
  plugin_list_u8_t value;
  if (!gatewit_plugin_request_header(&lent_name, &value)) return {};
  return taken(value);
}

inline bool set_request_header(std::string_view name, std::string_view value) {
  auto lent_name = lent(name);
  auto lent_value = lent_bytes(value);
  gatewit_plugin_request_edit_error_t why;
  return gatewit_plugin_request_set_header(&lent_name, &lent_value, &why);
}

inline bool set_response_header(std::string_view name, std::string_view value) {
  auto lent_name = lent(name);
  auto lent_value = lent_bytes(value);
  gatewit_plugin_response_edit_error_t why;
  return gatewit_plugin_response_set_header(&lent_name, &lent_value, &why);
}

inline std::string get_private() {
  plugin_list_u8_t state;
  gatewit_plugin_context_private(&state);
  return taken(state);
}

inline bool set_private(std::string_view state) {
  auto lent_state = lent_bytes(state);
  gatewit_plugin_context_edit_error_t why;
  return gatewit_plugin_context_set_private(&lent_state, &why);
}

using Verdict = gatewit_plugin_limits_verdict_t;

inline std::optional<Verdict> take(std::string_view budget, std::string_view key, std::uint32_t cost) {
  auto lent_budget = lent(budget);
  auto lent_key = lent_bytes(key);
  Verdict verdict;
  gatewit_plugin_limits_limits_error_t error;
  if (gatewit_plugin_limits_take(&lent_budget, &lent_key, cost, &verdict, &error)) return verdict;
  gatewit_plugin_limits_limits_error_free(&error);
  return {};
}

// Bytes for the log, which takes UTF-8 and nothing else (anything else is a trap): only ASCII is kept.
inline std::string readable(std::string bytes) {
  for (char &byte : bytes)
    if (static_cast<unsigned char>(byte) >= 0x80) byte = '?';
  return bytes;
}

inline void log_info(std::string_view message, std::string_view name, std::string_view value) {
  auto lent_message = lent(message);
  plugin_tuple2_string_string_t field{lent(name), lent(value)};
  plugin_list_tuple2_string_string_t fields{&field, 1};
  gatewit_plugin_log_emit(GATEWIT_PLUGIN_LOG_LEVEL_INFO, &lent_message, &fields);
}

// What a hook says.

struct Next {};

struct Route {
  std::string upstream;
};

struct Response {
  std::uint16_t status;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// The text goes to the log, never to the client.
struct Error {
  std::uint8_t kind;
  std::string message;

  static Error unavailable(std::string message) {
    return {GATEWIT_PLUGIN_TYPES_PLUGIN_ERROR_UNAVAILABLE, std::move(message)};
  }
  static Error internal(std::string message) {
    return {GATEWIT_PLUGIN_TYPES_PLUGIN_ERROR_INTERNAL, std::move(message)};
  }

  gatewit_plugin_types_plugin_error_t given() const {
    gatewit_plugin_types_plugin_error_t error{};
    error.tag = kind;
    error.val.internal = gatewit::given(message);
    return error;
  }
};

using Outcome = std::variant<Next, Route, Response, Error>;

inline exports_gatewit_plugin_request_hook_local_response_t given(const Response &response) {
  exports_gatewit_plugin_request_hook_local_response_t out{};
  out.status = response.status;
  out.body = given_bytes(response.body);
  out.headers.len = response.headers.size() + 1;
  out.headers.ptr = allocated<gatewit_plugin_types_field_t>(out.headers.len);
  auto *field = out.headers.ptr;
  *field++ = {given("content-type"), given_bytes("text/plain; charset=utf-8")};
  for (const auto &[name, value] : response.headers) *field++ = {given(name), given_bytes(value)};
  return out;
}

// True: the outcome was given; false: the error.
inline bool give(const Outcome &said, exports_gatewit_plugin_request_hook_outcome_t &outcome,
                 exports_gatewit_plugin_request_hook_plugin_error_t &error) {
  outcome.tag = EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_OUTCOME_NEXT;
  if (const auto *failed = std::get_if<Error>(&said)) {
    error = failed->given();
    return false;
  }
  if (const auto *route = std::get_if<Route>(&said)) {
    outcome.tag = EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_OUTCOME_ROUTE;
    outcome.val.route = {};
    outcome.val.route.upstream = {true, given(route->upstream)};
    outcome.val.route.pick.tag = EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_PICK_POLICY;
  }
  if (const auto *response = std::get_if<Response>(&said)) {
    outcome.tag = EXPORTS_GATEWIT_PLUGIN_REQUEST_HOOK_OUTCOME_RESPOND;
    outcome.val.respond = given(*response);
  }
  return true;
}

}  // namespace gatewit
