"""Tables that Django and django-axes define: operational, and exempt from ``acting_as``."""

from django.db import migrations

from foundation.migration_sql import may

TABLES = (
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "axes_accessattempt",
    "axes_accessattemptexpiration",
    "axes_accessfailurelog",
    "axes_accesslog",
    "django_admin_log",
    "django_content_type",
    "django_session",
)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_users_organisations_credentials"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("axes", "0010_accessattemptexpiration"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        may(table, app="SELECT, INSERT, UPDATE, DELETE", system="SELECT") for table in TABLES
    ]
