# The environment that every node of a Ray cluster needs before `ray start`, and a shell on it too:
#   . ~/air-studio/cluster/node.sh
# Settings of your own (MLFLOW_TRACKING_URI, AWS_…, AIR_ADMIN_TOKEN) go into cluster/air.env,
# one NAME=value per line; git ignores the file and `ray up` copies it to every node.
studio="$HOME/air-studio"
if [ -f "$studio/cluster/air.env" ]; then
  set -a
  . "$studio/cluster/air.env"
  set +a
fi
export PATH="$studio/.venv/bin:$PATH" PYTHONPATH="$studio"
# Ray's control store, dashboard, jobs and nodes refuse requests without the token.
export RAY_AUTH_MODE=token
# In Ray 2.60, autoscaler v2 never starts a worker on machines of your own (provider `local`).
export RAY_enable_autoscaler_v2=0
# A separate folder: app.py stops processes that an earlier run left in its own folder, and must not stop this Ray.
front="$(cd "$studio" && AIR_TMP="$HOME/.air-studio" python -m serve_deployments.front)" || return 1
eval "$front"
# The cluster adds nodes for work that waits: a training requests whole CPUs instead of fitting into the nodes there are.
export AIR_NODES_BY_LOAD="${AIR_NODES_BY_LOAD:-1}"
# How long a training waits for its workers: the minutes that a cloud needs to start a machine.
export RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S=900
# Debian and Ubuntu resolve their own host name to 127.0.1.1, where torch's workers would listen: name the interface.
GLOO_SOCKET_IFNAME="$(ip -o route show default 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)"
[ -n "$GLOO_SOCKET_IFNAME" ] && export GLOO_SOCKET_IFNAME || unset GLOO_SOCKET_IFNAME
