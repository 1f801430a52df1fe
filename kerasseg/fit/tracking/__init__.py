"""--track: the settings, epochs and results of a run, also in MLflow or W&B.

tracker: what is sent, and when. on_mlflow, on_wandb: how.
"""
