from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("records", "0002_break_glass")]

    operations = [
        migrations.AddIndex(
            model_name="disclosure",
            index=models.Index(
                condition=models.Q(("count", 0)),
                fields=["organisation_id", "reader_id", "reader_person_id", "disclosed_at"],
                name="disclosure_of_nothing",
            ),
        ),
    ]
