# AIR Studio in a container, as a Hugging Face Space runs it: uid 1000, one port, read-only for the public.
#   docker build -t air-studio . && docker run --shm-size=2g -p 7860:7860 air-studio
FROM python:3.11-slim AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r /tmp/requirements.txt

FROM python:3.11-slim
RUN useradd --uid 1000 --create-home air
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
