"""What the search needs of PostgreSQL, nothing on other engines.

`patients.search_text` gets a trigram index for beginnings of words. Misspelt words are looked up in `patient_words`, the
distinct words of all names, which is a hundred times smaller than the register: a trigger keeps it, so that imports and
bulk writes do too. It only grows: a word that nobody has any more finds nobody.

`CREATE EXTENSION pg_trgm` needs no superuser: the extension is trusted since PostgreSQL 13, the right to create in the
database is enough. `unaccent` is not used: `search_text` is written without accents.
"""

from django.db import migrations

INSTALL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    # Loads the library, so that its settings are known below.
    "SELECT show_limit()",
    "CREATE INDEX patients_by_trigram ON patients USING gin (search_text gin_trgm_ops)",
    # How many rows a pattern matches is estimated from this sample; the choice of the index hangs on it.
    "ALTER TABLE patients ALTER COLUMN search_text SET STATISTICS 1000",
    "CREATE TABLE patient_words (word text PRIMARY KEY)",
    "INSERT INTO patient_words SELECT DISTINCT unnest(string_to_array(trim(search_text), ' ')) FROM patients",
    "DELETE FROM patient_words WHERE word = ''",
    "CREATE INDEX patient_words_by_trigram ON patient_words USING gin (word gin_trgm_ops)",
    # In order of the words: two writers that wait for each other would be a deadlock.
    """
    CREATE FUNCTION keep_patient_words() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO patient_words
        SELECT DISTINCT piece.word FROM written, unnest(string_to_array(trim(search_text), ' ')) AS piece (word)
        WHERE piece.word <> '' AND NOT EXISTS (SELECT FROM patient_words known WHERE known.word = piece.word)
        ORDER BY 1
        ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER patients_words_inserted AFTER INSERT ON patients
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION keep_patient_words()
    """,
    """
    CREATE TRIGGER patients_words_updated AFTER UPDATE ON patients
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION keep_patient_words()
    """,
    # Two letters swapped in a word of six leave a similarity of 0.27; what is too far is sorted out letter by letter.
    """
    CREATE FUNCTION similar_patient_words(asked text, most integer) RETURNS TABLE (word text)
    LANGUAGE sql STABLE SET pg_trgm.similarity_threshold = 0.25 AS $$
        SELECT known.word FROM patient_words known WHERE known.word % asked
        ORDER BY similarity(known.word, asked) DESC, known.word LIMIT most
    $$
    """,
)
REMOVE = (
    "DROP FUNCTION similar_patient_words(text, integer)",
    "DROP TRIGGER patients_words_updated ON patients",
    "DROP TRIGGER patients_words_inserted ON patients",
    "DROP FUNCTION keep_patient_words()",
    "DROP TABLE patient_words",
    "ALTER TABLE patients ALTER COLUMN search_text SET STATISTICS -1",
    "DROP INDEX patients_by_trigram",
)


def install(apps, schema_editor):
    _run(schema_editor, INSTALL)


def remove(apps, schema_editor):
    _run(schema_editor, REMOVE)


def _run(schema_editor, statements):
    if schema_editor.connection.vendor == "postgresql":
        for statement in statements:
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0003_phone_keys'),
    ]

    operations = [migrations.RunPython(install, remove)]
