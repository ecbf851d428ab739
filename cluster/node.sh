# What every node of a Ray cluster needs in its environment before `ray start`, and in a shell on it:
#   . ~/air-studio/cluster/node.sh
# Settings of your own (MLFLOW_TRACKING_URI, AWS_…, AIR_ADMIN_TOKEN) go into cluster/air.env,
# one NAME=value a line; git ignores it and `ray up` takes it along.
studio="$HOME/air-studio"
if [ -f "$studio/cluster/air.env" ]; then
  set -a
  . "$studio/cluster/air.env"
  set +a
fi
export PATH="$studio/.venv/bin:$PATH" PYTHONPATH="$studio"
# No token, no answer: from Ray's control store, its dashboard, its jobs or any node.
export RAY_AUTH_MODE=token
# The second autoscaler never starts a worker on machines of your own (provider `local`) in Ray 2.60.
export RAY_enable_autoscaler_v2=0
# A folder of its own: app.py stops what an earlier run left in its folder, and this Ray is no such thing.
front="$(cd "$studio" && AIR_TMP="$HOME/.air-studio" python -m serve_deployments.front)" || return 1
eval "$front"
# Nodes come for what waits: a training asks for whole CPUs, and does not squeeze into those that are there.
export AIR_NODES_BY_LOAD="${AIR_NODES_BY_LOAD:-1}"
# A training whose workers wait for a machine is given the minutes in which a cloud brings one.
export RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S=900
# Debian and Ubuntu call their own name 127.0.1.1, and torch's workers would listen there: the card is named.
GLOO_SOCKET_IFNAME="$(ip -o route show default 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)"
[ -n "$GLOO_SOCKET_IFNAME" ] && export GLOO_SOCKET_IFNAME || unset GLOO_SOCKET_IFNAME
