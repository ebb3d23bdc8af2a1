"""What Cloudflare's SDK asks of the runtime (``workers-runtime-sdk`` 1.9.5, its files ``_workers_sdk_*``)."""
