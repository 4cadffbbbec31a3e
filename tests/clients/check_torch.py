"""PyTorch and Lightning: autolog with checkpoints, models as modules and as functions, states."""

import os
import tempfile

import lightning
import mlflow
import numpy as np
import torch
from check_kit import NEWER, check, client, named, unique
from torch.utils.data import DataLoader, TensorDataset


class Line(lightning.LightningModule):
    def __init__(self, rate=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, inputs):
        return self.layer(inputs)

    def training_step(self, batch, _):
        loss = self.loss_of(batch)
        self.log("train_loss", loss, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", self.loss_of(batch))

    def loss_of(self, batch):
        inputs, target = batch
        return torch.nn.functional.mse_loss(self(inputs), target)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.rate)


def data():
    inputs = torch.linspace(-1, 1, 64).reshape(32, 2)
    return DataLoader(TensorDataset(inputs, inputs.sum(1, keepdim=True)), batch_size=8)


def fit(folder):
    lightning.seed_everything(7, verbose=False)
    model = Line()
    trainer = lightning.Trainer(
        max_epochs=3, accelerator="cpu", default_root_dir=folder, logger=False, enable_progress_bar=False, enable_checkpointing=False
    )
    trainer.fit(model, data(), data())
    return model


def autologged(**given):
    mlflow.set_experiment(unique("lightning"))
    mlflow.pytorch.autolog(**given)
    try:
        with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
            model = fit(folder)
    finally:
        mlflow.pytorch.autolog(disable=True)
    return model, run.info.run_id


def log_model(model, inputs):
    signature = mlflow.models.infer_signature(inputs, model(torch.from_numpy(inputs)).detach().numpy())
    given = {"serialization_format": "pickle"} if NEWER else {}
    return mlflow.pytorch.log_model(model, **named(), signature=signature, pip_requirements=["torch"], **given)


def net():
    torch.manual_seed(7)
    return torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)).eval()


@check
def autolog_of_lightning():
    model, run_id = autologged(checkpoint=False)
    found = client.get_run(run_id)
    assert found.data.params["optimizer_name"] == "SGD" and float(found.data.params["lr"]) == 0.1, found.data.params
    for key in ("train_loss_epoch", "val_loss"):
        history = client.get_metric_history(run_id, key)
        assert len(history) == 3 and history[-1].value < history[0].value, (key, history)
    assert "model_summary.txt" in [file.path for file in client.list_artifacts(run_id)]
    loaded = mlflow.pytorch.load_model(f"runs:/{run_id}/model")
    inputs = torch.tensor([[1.0, 2.0]])
    assert torch.equal(loaded(inputs), model(inputs))
    if NEWER:
        assert len(found.outputs.model_outputs) == 1


@check
def checkpoints_of_lightning():
    model, run_id = autologged(log_models=False, checkpoint=True, checkpoint_monitor="val_loss", checkpoint_save_best_only=False)
    names = [file.path for file in client.list_artifacts(run_id, "checkpoints")]
    assert len(names) == 3, names
    loaded = mlflow.pytorch.load_checkpoint(Line, run_id)
    inputs = torch.tensor([[1.0, 2.0]])
    assert torch.equal(loaded(inputs), model(inputs))


@check
def models_of_torch():
    mlflow.set_experiment(unique("torch"))
    model, inputs = net(), np.array([[1.0, 2.0], [3.0, -4.0]], dtype=np.float32)
    expected = model(torch.from_numpy(inputs)).detach().numpy()
    with mlflow.start_run() as run:
        info = log_model(model, inputs)
    name = unique("net")
    version = mlflow.register_model(info.model_uri, name)
    for uri in (info.model_uri, f"runs:/{run.info.run_id}/model", f"models:/{name}/{version.version}"):
        assert np.array_equal(mlflow.pytorch.load_model(uri)(torch.from_numpy(inputs)).detach().numpy(), expected), uri
        assert np.allclose(mlflow.pyfunc.load_model(uri).predict(inputs), expected), uri


@check
def states_of_torch():
    mlflow.set_experiment(unique("states"))
    model = net()
    with mlflow.start_run() as run:
        mlflow.pytorch.log_state_dict(model.state_dict(), artifact_path="state")
    loaded = mlflow.pytorch.load_state_dict(f"runs:/{run.info.run_id}/state")
    assert loaded.keys() == model.state_dict().keys() and all(torch.equal(loaded[key], value) for key, value in model.state_dict().items())
