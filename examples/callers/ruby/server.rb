# frozen_string_literal: true

# Answers with its caller's identity. `ruby server.rb PORT`. The few lines of HTTP stand for the application's Rack server.
require 'json'
require 'socket'
require_relative 'caller'

APP = CellwallCaller.new(lambda { |env|
  caller = env['cellwall.caller']
  body = caller ? caller.to_h.compact : { error: 'a certificate of the mesh is required' }
  [caller ? 200 : 401, { 'content-type' => 'application/json' }, ["#{JSON.generate(body)}\n"]]
})

def read_env(socket)
  env = {}
  socket.gets
  while (line = socket.gets&.chomp) && !line.empty?
    name, value = line.split(/:\s*/, 2)
    env["HTTP_#{name.upcase.tr('-', '_')}"] = value
  end
  env
end

server = TCPServer.new('127.0.0.1', Integer(ARGV.fetch(0, '8080')))
loop do
  Thread.new(server.accept) do |socket|
    status, headers, body = APP.call(read_env(socket))
    text = body.join
    socket.write("HTTP/1.1 #{status} -\r\n", headers.map { |name, value| "#{name}: #{value}\r\n" }.join,
                 "content-length: #{text.bytesize}\r\nconnection: close\r\n\r\n", text)
    socket.close
  end
end
