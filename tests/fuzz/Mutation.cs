using System.Buffers.Binary;

namespace DynamicFs.Fuzz;

/// <summary>A place in a structure that has a meaning of its own, so that it is worth changing as a whole.</summary>
internal readonly record struct Field(int Offset, int Bytes);

/// <summary>Changes valid bytes: anywhere, and in the fields of their structure.</summary>
internal static class Mutation
{
    private static readonly ulong[] _extremes = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, long.MaxValue, 1UL << 63, ulong.MaxValue];

    /// <summary>A changed copy; <paramref name="other"/> is another valid one to take pieces from. Now and then nothing is different in the end.</summary>
    public static byte[] Of(byte[] sample, Random random, IReadOnlyList<Field> fields, byte[] other)
    {
        byte[] bytes = (byte[])sample.Clone();
        for (int count = 1 + random.Next(3); count > 0; count--)
            bytes = Change(bytes, random, fields, other);
        return bytes;
    }

    private static byte[] Change(byte[] bytes, Random random, IReadOnlyList<Field> fields, byte[] other)
    {
        int choice = random.Next(100);
        if (choice < 40 && fields.Count > 0)
            ChangeField(bytes, fields[random.Next(fields.Count)], random);
        else if (choice < 60 && bytes.Length > 0)
            bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
        else if (choice < 75 && bytes.Length > 0)
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        else if (choice < 80)
            return bytes[..random.Next(bytes.Length + 1)];
        else if (choice < 84)
            return Insert(bytes, random);
        else if (choice < 88)
            Range(bytes, random).Fill(random.Next(2) == 0 ? (byte)0 : (byte)0xFF);
        else if (choice < 92)
            random.NextBytes(Range(bytes, random));
        else if (choice < 96)
            Splice(bytes, other, random);
        else
            Move(bytes, random);
        return bytes;
    }

    private static void ChangeField(byte[] bytes, Field field, Random random)
    {
        if (field.Offset + field.Bytes > bytes.Length)
            return;
        Span<byte> place = bytes.AsSpan(field.Offset, field.Bytes);
        if (field.Bytes is not (1 or 2 or 4 or 8))
        {
            random.NextBytes(place);
            return;
        }

        Span<byte> wide = stackalloc byte[8];
        wide.Clear();
        place.CopyTo(wide);
        ulong old = BinaryPrimitives.ReadUInt64LittleEndian(wide);
        ulong value = random.Next(5) switch
        {
            0 => old + 1,
            1 => old - 1,
            2 => old ^ (1UL << random.Next(field.Bytes * 8)),
            3 => (ulong)random.NextInt64(),
            _ => _extremes[random.Next(_extremes.Length)],
        };
        BinaryPrimitives.WriteUInt64LittleEndian(wide, value);
        wide[..field.Bytes].CopyTo(place);
        if (random.Next(4) == 0)
            place.Reverse(); // keys are big-endian
    }

    private static byte[] Insert(byte[] bytes, Random random)
    {
        byte[] added = new byte[1 + random.Next(random.Next(8) == 0 ? 5000 : 40)];
        if (random.Next(2) == 0)
            random.NextBytes(added);
        int at = random.Next(3) == 0 ? random.Next(bytes.Length + 1) : bytes.Length;
        return [.. bytes.AsSpan(0, at), .. added, .. bytes.AsSpan(at)];
    }

    private static Span<byte> Range(byte[] bytes, Random random)
    {
        int start = random.Next(bytes.Length + 1);
        return bytes.AsSpan(start, random.Next(Math.Min(bytes.Length - start, 1 << random.Next(12)) + 1));
    }

    private static void Splice(byte[] bytes, byte[] other, Random random)
    {
        Span<byte> range = Range(bytes, random);
        int start = bytes.Length - range.Length == 0 ? 0 : random.Next(bytes.Length - range.Length + 1);
        if (start + range.Length <= other.Length)
            other.AsSpan(start, range.Length).CopyTo(range);
    }

    private static void Move(byte[] bytes, Random random)
    {
        Span<byte> range = Range(bytes, random);
        int target = random.Next(bytes.Length - range.Length + 1);
        range.ToArray().CopyTo(bytes, target);
    }
}
