"""TF Serving's contract: a typed client, and a server for people without Docker.

`kerasseg.serve.client` talks REST or gRPC to tensorflow_model_server or to
`python -m kerasseg.serve`. Needs `pip install 'kerasseg[serve]'`.
"""
