// What a sidecar's Envoy is told beside its configuration. A connection between sidecars is shared by every caller of an application:
// Envoy's guard against rapid resets would end it, with everybody's calls, because one of them has short deadlines. What is bounded is how
// many are reset in a second (translate/wire/http-limits.ts).
export const runtime = {
  layers: [
    {
      name: 'cellwall',
      // Never reached: by default half of 500 streams that were reset within a second close the connection.
      static_layer: {
        'overload.premature_reset_total_stream_count': 4_294_967_295,
        // Connections take turns, a request each: who sends thousands at once waits for himself, and what he reset by then is not
        // judged any more.
        'http.max_requests_per_io_cycle': 1,
      },
    },
  ],
} as const;
