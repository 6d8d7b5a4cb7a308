"""A small Ray cluster for tests: two cores and one GPU that is none. Prints its address; ends with its input."""

import sys

import ray

started = ray.init(
    num_cpus=2, num_gpus=1, object_store_memory=100 * 2**20, include_dashboard=False, log_to_driver=False,
    logging_level="CRITICAL",
)  # fmt: skip
print(started.address_info["gcs_address"], flush=True)
sys.stdin.read()
ray.shutdown()
