# frozen_string_literal: true

# Who is calling, as the sidecar verified it. In Rails: `config.middleware.use CellwallCaller`, then
# `request.env['cellwall.caller']`.
class CellwallCaller
  Caller = Struct.new(:id, :cell, :service, keyword_init: true)

  def initialize(app)
    @app = app
  end

  def call(env)
    env['cellwall.caller'] = self.class.from(env)
    @app.call(env)
  end

  # Of the sidecar's headers; nil if the caller has no identity.
  def self.from(env)
    id = env['HTTP_X_CELLWALL_PEER_ID']
    return nil if id.nil?

    Caller.new(id: id, cell: env['HTTP_X_CELLWALL_PEER_CELL'], service: env['HTTP_X_CELLWALL_PEER_SERVICE'])
  end
end
