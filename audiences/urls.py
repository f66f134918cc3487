"""Customers, imports, stores, zones, products."""

from django.urls import path

from audiences.views import audiences, builder, catalogue, customers, imports, uploads

ORG = "o/<slug:org>/"
CUSTOMER = f"{ORG}customers/<int:pk>/"

urlpatterns = [
    path(f"{ORG}audiences/", audiences.audience_list, name="audiences"),
    path(f"{ORG}audiences/new/", builder.new_filter, name="audience-new"),
    path(f"{ORG}audiences/<int:pk>/", audiences.audience_page, name="audience"),
    path(f"{ORG}audiences/<int:pk>/edit/", builder.edit_filter, name="audience-edit"),
    path(f"{ORG}audiences/<int:pk>/duplicate/", audiences.audience_duplicate, name="audience-duplicate"),
    path(f"{ORG}audiences/<int:pk>/count/", audiences.audience_count, name="audience-count"),
    path(f"{ORG}audiences/<int:pk>/archive/", audiences.audience_archive, name="audience-archive"),
    path(f"{ORG}audiences/<int:pk>/use-anyway/", audiences.audience_use_anyway, name="audience-use-anyway"),
    path(f"{ORG}audiences/uploads/new/", uploads.upload_new, name="audience-upload"),
    path(f"{ORG}audiences/uploads/sample.csv", uploads.upload_sample, name="audience-upload-sample"),
    path(f"{ORG}audiences/uploads/new/<str:token>/", uploads.upload_check, name="audience-upload-check"),
    path(f"{ORG}audiences/uploads/<int:pk>/", uploads.upload_job, name="audience-upload-job"),
    path(f"{ORG}audiences/<int:pk>/upload/", uploads.upload_more, name="audience-upload-more"),
    path(f"{ORG}customers/", customers.customer_list, name="customers"),
    path(CUSTOMER, customers.customer_page, name="customer"),
    path(f"{CUSTOMER}purchases/", customers.customer_purchases, name="customer-purchases"),
    path(f"{CUSTOMER}addresses/", customers.customer_reveal, name="customer-reveal"),
    path(f"{CUSTOMER}addresses/clear/", customers.customer_clear, name="customer-clear"),
    path(f"{CUSTOMER}consent/", customers.customer_consent, name="customer-consent"),
    path(f"{ORG}customers/imports/", imports.import_list, name="imports"),
    path(f"{ORG}customers/imports/new/", imports.import_new, name="import-new"),
    path(f"{ORG}customers/imports/new/<str:token>/", imports.import_check, name="import-check"),
    path(f"{ORG}customers/imports/samples/<slug:kind>.csv", imports.import_sample, name="import-sample"),
    path(f"{ORG}customers/stores/", catalogue.stores, name="stores"),
    path(f"{ORG}customers/zones/", catalogue.zones, name="zones"),
    path(f"{ORG}customers/products/", catalogue.products, name="products"),
]
