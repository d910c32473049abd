// An echo server on websocketpp, to measure against: compresses, prints its port.
#include <iostream>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/extensions/permessage_deflate/enabled.hpp>
#include <websocketpp/server.hpp>

struct config : websocketpp::config::asio {
  struct permessage_deflate_config {};
  using permessage_deflate_type =
      websocketpp::extensions::permessage_deflate::enabled<permessage_deflate_config>;
};
using server = websocketpp::server<config>;

int main() {
  server echo;
  echo.clear_access_channels(websocketpp::log::alevel::all);
  echo.clear_error_channels(websocketpp::log::elevel::all);
  echo.init_asio();
  echo.set_tcp_post_init_handler([&](websocketpp::connection_hdl handle) {
    boost::asio::ip::tcp::no_delay on(true);
    echo.get_con_from_hdl(handle)->get_socket().set_option(on);
  });
  echo.set_message_handler([&](websocketpp::connection_hdl handle, server::message_ptr message) {
    echo.send(handle, message->get_payload(), message->get_opcode());
  });
  echo.listen(boost::asio::ip::tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0));
  boost::system::error_code error;
  std::cout << echo.get_local_endpoint(error).port() << std::endl;
  echo.start_accept();
  echo.run();
}
