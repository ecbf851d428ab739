"""A model of one's own data over HTTP: scikit-learn's wines, of two grapes."""

from __future__ import annotations

import requests

from tests.helpers.samples import wine


def add_vines(api: str, admin: requests.Session, *names: str) -> None:
    """Send the wines, and add a model of them for each name."""
    sent = {"file": ("vines.csv", wine.table().to_csv(index=False), "text/csv")}
    dataset = admin.post(f"{api}/datasets", params={"family": "table"}, files=sent).json()["dataset"]
    for name in names:
        added = admin.post(f"{api}/models", json={"name": name, "dataset": dataset, "target": "grape"})
        assert added.status_code == 201, added.text
    assert admin.delete(f"{api}/datasets/{dataset}").status_code == 204
