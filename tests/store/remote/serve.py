"""A real S3 server for tests: moto's, in a process of its own, with one bucket. Prints its port, and serves until its input
is closed."""

import logging
import sys

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "nightly"

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
client = boto3.client(
    "s3",
    endpoint_url=f"http://127.0.0.1:{port}",
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
client.create_bucket(Bucket=BUCKET)
print(port, flush=True)
sys.stdin.read()
server.stop()
