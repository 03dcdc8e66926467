"""The plumbing of all services: how a batch is taken, carried through one transaction, logged and published.

Read it in this order; imports point downwards, and `make lint` says so.

1. The way of a batch: `batch` (with its statements in `store`), from `decoding` over `writing` to `outgoing`.
2. Who takes it and when: `lane_consumer`, by what it owns (`ownership`, `holds`), at whose pace (`pace`) and how much
   at a time (`gathering`).
3. How it goes out: `publisher`, one FIFO a lane; once more, from its beginning: `replay`.
4. What may go wrong, and how it is seen: `lane_watch`, `restores`, `topic_ids`, `parsing`; what helps then: `ways_out`.
5. Clients: `kafka`, `kafka_reading`, `postgres`. Put together and started: `service`, with `settings`.
6. Who asks over HTTP: `operators`, `log_api` (`chain`), `look_ups`, `health`, by `tokens`; answered by `problem`.
   What is seen from outside: `metrics`, `telemetry`. What is kept sealed: `seal`; what is signed: `signing`. What is
   not real: `simulated`.
"""
