using System.Text;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.UnitTests.Metadata;

/// <summary>What a root holds, read straight from the page files, and as one comparable text.</summary>
internal static unsafe class PoolContent
{
    public static string Of(MetadataStore store, Root root) => Collect(store, root, TreeId.Namespace) + "|" + Collect(store, root, TreeId.Pool);

    /// <summary>What the trees hold now, committed or not.</summary>
    public static string Of(MetadataStore store) => Text(TreeModel.All(store.Namespace)) + "|" + Text(TreeModel.All(store.Pool));

    private static string Collect(MetadataStore store, Root root, TreeId tree)
    {
        var entries = new List<KeyValuePair<byte[], byte[]>>();
        using var walker = new PageWalker(
            (in PagePointer pointer, byte* page) =>
            {
                store.Files.Read(pointer, page);
                for (int i = 0; PageFormat.Kind(page) == PageKind.Leaf && PageFormat.Tree(page) == tree && i < PageFormat.Count(page); i++)
                    entries.Add(new(PageFormat.Key(page, i).ToArray(), PageFormat.LeafValue(PageFormat.Cell(page, i)).ToArray()));
                return true;
            },
            problem => throw new InvariantException(problem));
        walker.Walk(root);
        return Text(entries);
    }

    private static string Text(List<KeyValuePair<byte[], byte[]>> entries)
    {
        var text = new StringBuilder();
        foreach ((byte[] key, byte[] value) in entries)
            text.Append(Convert.ToHexString(key)).Append('=').Append(Convert.ToHexString(value)).Append(' ');
        return text.ToString();
    }
}

/// <summary>Small random changes to both trees.</summary>
internal static class RandomChanges
{
    public static void Make(MetadataStore store, Random random, int count, int keySpace = 400)
    {
        for (int i = 0; i < count; i++)
        {
            Change(store.Namespace, random, keySpace);
            if (i % 4 == 0)
                Change(store.Pool, random, keySpace);
        }
    }

    public static void Change(Tree tree, Random random, int keySpace)
    {
        byte[] key = TreeTests.Key((uint)random.Next(keySpace));
        if (random.Next(3) == 0)
        {
            tree.Delete(key);
            return;
        }

        var value = new byte[random.Next(600)];
        random.NextBytes(value);
        tree.Put(key, value);
    }
}
