/* Samples set apart are never among the others; each pass has all of these once, in an order of
 * its own. */
#include "pmod-split-source.h"

/* A sample of one token, its index. */
static PmodSample *
make (PmodSource *source, guint64 index, GError **error)
{
  PmodSample *sample = pmod_sample_new (1);

  g_assert_cmpuint (index, <, source->n_samples);
  sample->ids[0] = (gint32)index;
  return sample;
}

static void
free_source (PmodSource *source)
{
  g_free (source);
}

static PmodSource *
split (guint64 n, guint64 n_apart, gboolean apart, guint64 seed, GError **error)
{
  static const PmodSourceClass klass = { make, free_source };
  PmodSource *source = g_new0 (PmodSource, 1);

  source->klass = &klass;
  source->n_samples = n;
  return pmod_split_source_new (source, seed, n_apart, apart, error);
}

static int
get (PmodSource *source, guint64 index)
{
  g_autoptr (PmodSample) sample = pmod_source_make (source, index, NULL);

  return sample->ids[0];
}

static void
test_split (void)
{
  static const struct
  {
    guint n, n_apart;
  } cases[] = { { 2, 1 }, { 3, 2 }, { 5, 1 }, { 100, 7 }, { 1000, 64 } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint n = cases[i].n, n_apart = cases[i].n_apart, n_learnt = n - n_apart;
      g_autoptr (PmodSource) apart = split (n, n_apart, TRUE, 12, NULL);
      g_autoptr (PmodSource) learnt = split (n, n_apart, FALSE, 12, NULL);
      g_autofree int *seen = g_new0 (int, n);

      g_assert_cmpuint (apart->n_samples, ==, n_apart);
      g_assert_cmpuint (learnt->n_samples, ==, 0);
      for (guint j = 0; j < n_apart; j++)
        {
          seen[get (apart, j)] += 3;
          g_assert_cmpint (get (apart, j + n_apart), ==, get (apart, j));
        }
      for (guint j = 0; j < 3 * n_learnt; j++)
        seen[get (learnt, 5 * (guint64)n_learnt + j)]++;
      for (guint j = 0; j < n; j++)
        g_assert_cmpint (seen[j], ==, 3);
    }
}

/* The two parts of one source are those that two sources would have, in whichever order they are
 * freed. */
static void
test_other (void)
{
  for (int first = 0; first < 2; first++)
    {
      PmodSource *apart = split (100, 7, TRUE, 12, NULL);
      PmodSource *learnt = pmod_split_source_new_other (apart);
      g_autoptr (PmodSource) expected = split (100, 7, FALSE, 12, NULL);

      g_assert_cmpuint (learnt->n_samples, ==, 0);
      if (first == 0)
        g_clear_pointer (&apart, pmod_source_free);
      for (guint i = 0; i < 200; i++)
        g_assert_cmpint (get (learnt, i), ==, get (expected, i));
      pmod_source_free (learnt);
      if (apart != NULL)
        g_assert_cmpint (get (apart, 0), ==, get (apart, 7));
      pmod_source_free (apart);
    }
}

static void
test_order (void)
{
  g_autoptr (PmodSource) source = split (1000, 100, FALSE, 1, NULL);
  g_autoptr (PmodSource) other = split (1000, 100, FALSE, 2, NULL);
  g_autoptr (PmodSource) again = split (1000, 100, FALSE, 1, NULL);
  int n_passes = 0, n_seeds = 0, n_neighbours = 0;

  for (guint i = 0; i < 900; i++)
    {
      n_passes += get (source, i) == get (source, 900 + i);
      n_seeds += get (source, i) == get (other, i);
      n_neighbours += ABS (get (source, i) - get (source, i + 1)) == 1;
      g_assert_cmpint (get (source, i), ==, get (again, i));
    }
  /* By chance about 1, 1 and 2. */
  g_test_message ("same place: %d in two passes, %d of two seeds; neighbours: %d", n_passes,
                  n_seeds, n_neighbours);
  g_assert_cmpint (n_passes, <, 10);
  g_assert_cmpint (n_seeds, <, 10);
  g_assert_cmpint (n_neighbours, <, 12);
}

static void
test_too_few (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (split (64, 64, FALSE, 1, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);
  g_test_message ("%s", error->message);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/split-source/split", test_split);
  g_test_add_func ("/split-source/other", test_other);
  g_test_add_func ("/split-source/order", test_order);
  g_test_add_func ("/split-source/too-few", test_too_few);
  return g_test_run ();
}
