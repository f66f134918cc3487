"""The WSGI entry point served by granian."""

import os

from django.core.wsgi import get_wsgi_application

from engage.orgs.checks import refuse_powerful_role

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engage.settings")
application = get_wsgi_application()
refuse_powerful_role()
