# AIR Studio in a container, as a Hugging Face Space runs it: uid 1000, one port, read-only for the public.
#   docker build -t air-studio . && docker run --shm-size=2g --cpus=2 -p 7860:7860 air-studio
# With CUDA: docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 -t air-studio .
# Tried without an engine by make proof-container; more in docs/deploy.md.
FROM python:3.11-slim AS packages
# The CPU's wheels of torch carry "+cpu" in their version, which pip prefers to the same version without.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install --no-cache-dir \
      ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r /tmp/requirements.txt

FROM python:3.11-slim
# A volume that is put over the folder of AIR_HOME takes over whose it is.
RUN useradd --uid 1000 --create-home air && install -d -o air -g air /home/air/data
COPY --from=packages /venv /venv
WORKDIR /home/air/studio
COPY --chown=air:air . .
USER air
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 HOME=/home/air \
    AIR_HOME=/home/air/data AIR_HOST=0.0.0.0 AIR_PORT=7860 AIR_MODE=public
EXPOSE 7860
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/api/readyz', timeout=4)"
CMD ["python", "app.py"]
