"""What Ray receives and reveals: no secret in its logs, its token readable for its user only."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.runs import ray_session


def test_no_secret_is_handed_to_ray_which_would_log_it(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [
        "AIR_ADMIN_TOKEN",
        "AIR_ADMIN_TOKEN_SHA256",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ]
    secrets += ["MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"]
    for name in (*secrets, "AIR_MODE", "AWS_ENDPOINT_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "something")
    forwarded = ray_session._forwarded_environment()
    assert not set(secrets) & set(forwarded)
    assert {"AIR_MODE", "AWS_ENDPOINT_URL", "MLFLOW_TRACKING_URI", "PYTHONPATH"} <= set(forwarded)


def test_token_becomes_readable_for_its_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "auth_token"
    token.write_text("a-token")
    token.chmod(0o644)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    ray_session._keep_token_private()
    assert token.stat().st_mode & 0o777 == 0o600
