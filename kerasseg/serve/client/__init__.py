"""A client of TF Serving's REST and gRPC: pictures in, class maps out.

    with RestClient("http://127.0.0.1:8501", "street") as client:
        first, second = client.segment([Path("a.heic"), bytes_of_a_jpeg])

The same calls with GrpcClient("127.0.0.1:8500", "street"). REST needs urllib3, OpenCV
and Pillow only; gRPC takes tensorflow-serving-api, which imports TensorFlow, and is the
one for large arrays. `python -m kerasseg.serve.client` asks for the pictures of a
folder.
"""

from kerasseg.serve.client.network import Network
from kerasseg.serve.client.options import Options
from kerasseg.serve.client.over_grpc import GrpcClient
from kerasseg.serve.client.over_rest import RestClient
from kerasseg.serve.client.segmenting import CLASS_MAPS, Client

__all__ = ["CLASS_MAPS", "Client", "GrpcClient", "Network", "Options", "RestClient"]
