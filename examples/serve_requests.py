"""Answer requests with a checkpoint through Ray Serve, ask with requests, and shut down.

The chapter: ``PredictorDeployment`` loaded a checkpoint with ``XGBoostPredictor``, its ``http_adapter``
``pandas_read_json`` made a DataFrame of a request, ``requests.post`` asked, ``serve.shutdown`` ended it. Today: a class
with ``@serve.deployment``, which loads the checkpoint once a replica and reads requests itself.
Look at: each answer beside the diagnosis in the data, the row that is refused, and that nobody listens at the end.
"""

import io
from contextlib import redirect_stdout

import pandas as pd
import requests
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from examples import CSV
from examples.serving import start_serve
from models.table.model import TableModel
from settings import ROOT

DIAGNOSES = ("malignant", "benign")


@serve.deployment
class Predictor:
    """Answers rows with the checkpoint that ships."""

    def __init__(self) -> None:
        self.model = TableModel.load(ROOT / "models" / "pretrained" / "breast-cancer")

    async def __call__(self, request: Request) -> JSONResponse:
        """A JSON list of rows in, an answer to each out."""
        rows, names = pd.DataFrame(await request.json()), self.model.features
        if missing := [name for name in names if name not in rows]:
            return JSONResponse({"error": f"A row needs {missing[0]!r}."}, status_code=422)
        return JSONResponse(self.model.question.encode(self.model.predict(rows[names].to_numpy(float))))


def main() -> None:
    """Ask for three rows and for one without most of its values, then end Serve."""
    url = start_serve()
    serve.run(Predictor.bind(), route_prefix="/predict")
    rows = pd.read_csv(CSV).iloc[[0, 19, 40]].to_dict("records")
    for row, answer in zip(rows, requests.post(f"{url}/predict", json=rows, timeout=30).json(), strict=True):
        print(f"{DIAGNOSES[int(row['target'])]}: malignant with {answer['probability_malignant']:.3f}")
    refused = requests.post(f"{url}/predict", json=[{"mean radius": 17.99}], timeout=30)
    print(f"one value of thirty: status {refused.status_code}, {refused.json()['error']}")
    with redirect_stdout(io.StringIO()):  # Ray reports the end of Serve's controller as a failure
        serve.shutdown()
    try:
        print("after the shutdown: status", requests.get(url, timeout=30).status_code)
    except requests.ConnectionError:
        print("after the shutdown: nobody listens")


if __name__ == "__main__":
    main()
