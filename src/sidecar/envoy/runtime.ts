// Runtime settings of a sidecar's Envoy. A connection between sidecars is shared by every caller of an application: Envoy's guard against
// rapid resets would close it, with everybody's calls, because one of them has short deadlines. Instead, the number of resets per second is
// limited (translate/wire/http-limits.ts).
export const runtime = {
  layers: [
    {
      name: 'cellwall',
      // Never reached: by default, the connection is closed if half of 500 streams were reset within a second.
      static_layer: {
        'overload.premature_reset_total_stream_count': 4_294_967_295,
        // Connections take turns, a few requests each: whoever sends thousands at once mostly delays itself, and what it has reset by
        // then is not evaluated any more. With one a turn, a call among many on a connection cost a third more; with more than eight,
        // hardly less.
        'http.max_requests_per_io_cycle': 8,
      },
    },
  ],
} as const;
