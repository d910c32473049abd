// An echo server on libwebsockets, to measure against: compresses, prints its port.
#include <libwebsockets.h>

#include <deque>
#include <iostream>
#include <string>

namespace {

struct session {
  std::deque<std::string>* echoes;  // each with room for the header in front
  std::string* partial;
};

int on_event(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t length) {
  auto* it = static_cast<session*>(user);
  switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
      it->echoes = new std::deque<std::string>;
      it->partial = new std::string(LWS_PRE, '\0');
      break;
    case LWS_CALLBACK_CLOSED:
      delete it->echoes;
      delete it->partial;
      break;
    case LWS_CALLBACK_RECEIVE:
      it->partial->append(static_cast<const char*>(in), length);
      if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) != 0) break;
      it->echoes->push_back(std::move(*it->partial));
      *it->partial = std::string(LWS_PRE, '\0');
      lws_callback_on_writable(wsi);
      break;
    case LWS_CALLBACK_SERVER_WRITEABLE: {
      if (it->echoes->empty()) break;
      auto& echo = it->echoes->front();
      const auto size = echo.size() - LWS_PRE;
      auto* at = reinterpret_cast<unsigned char*>(echo.data()) + LWS_PRE;
      if (lws_write(wsi, at, size, LWS_WRITE_TEXT) < static_cast<int>(size)) return -1;
      it->echoes->pop_front();
      if (!it->echoes->empty()) lws_callback_on_writable(wsi);
      break;
    }
    default:
      break;
  }
  return 0;
}

}  // namespace

int main() {
  lws_set_log_level(LLL_ERR, nullptr);
  const lws_protocols protocols[] = {{"echo", on_event, sizeof(session), 65536, 0, nullptr, 0},
                                     {nullptr, nullptr, 0, 0, 0, nullptr, 0}};
  const lws_extension extensions[] = {{"permessage-deflate", lws_extension_callback_pm_deflate,
                                       "permessage-deflate; client_max_window_bits"},
                                      {nullptr, nullptr, nullptr}};
  lws_context_creation_info info = {};
  info.port = 0;
  info.iface = "lo";
  info.protocols = protocols;
  info.extensions = extensions;
  info.options = LWS_SERVER_OPTION_DISABLE_IPV6;
  lws_context* context = lws_create_context(&info);
  if (context == nullptr) return 1;
  std::cout << lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")) << std::endl;
  while (lws_service(context, 0) >= 0) {
  }
}
