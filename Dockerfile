# AIR Studio in a container, as a Hugging Face Space runs it: uid 1000, one port, read-only for the public.
#   docker build -t air-studio . && docker run --shm-size=2g --cpus=2 -p 7860:7860 air-studio
# With CUDA: docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 -t air-studio .
# Tried without an engine by make proof-container; more in docs/deploy.md.
FROM python:3.11-slim AS packages
# torch alone comes from this index; all else from PyPI, by the hashes of requirements.lock.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.txt requirements.lock /tmp/
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install --no-cache-dir --require-hashes -r /tmp/requirements.lock \
 && python -m pip --python /venv/bin/python install --no-cache-dir \
      ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} -r /tmp/requirements.txt

FROM python:3.11-slim
# A volume that is put over the folder of AIR_HOME takes over whose it is.
RUN useradd --uid 1000 --create-home air && install -d -o air -g air /home/air/data
COPY --from=packages /venv /venv
# Code and environment are root's: the app's user writes to its home folder alone.
WORKDIR /opt/air-studio
COPY . .
RUN chmod -R a+rX . && /venv/bin/python -m compileall -q .
USER air
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 HOME=/home/air \
    AIR_HOME=/home/air/data AIR_HOST=0.0.0.0 AIR_PORT=7860 AIR_MODE=public
EXPOSE 7860
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/api/readyz', timeout=4)"
CMD ["python", "app.py"]
